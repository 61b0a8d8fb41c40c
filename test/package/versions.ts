/**
 * The package, installed from its tarball, under other versions of Node: the program of README.md in JavaScript and, where
 * that Node reads it, in TypeScript, and all programs of the guide. The `node-<platform>-<arch>` packages of the npm registry bring the versions, some
 * 100 MB each, so this is a script of its own: `npm run test:versions`.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { textFile } from '../tidy/files.ts'
import { withRealOutput } from '../tidy/program.ts'
import { Installed, npm, pack, readmeProgram, type Tarball } from './installed.ts'

/** The oldest that the package says it runs on, and all that are kept up. */
const VERSIONS = ['20.15.0', '20', '22', '24']

const place = mkdtempSync(join(tmpdir(), 'seglog-versions-'))
try {
  const tarball = pack(place)
  for (const version of VERSIONS) {
    const node = nodeOf(version)
    const problems = tryOut(tarball, node)
    console.log(problems.length === 0 ? `Node ${version}: as README.md says` : problems.join('\n'))
    if (problems.length > 0) process.exitCode = 1
  }
} finally {
  rmSync(place, { recursive: true })
}

/** The program of this version. */
function nodeOf(version: string): string {
  const home = join(place, version)
  const name = `node-${process.platform}-${process.arch}`
  npm(['install', '--prefix', home, '--no-audit', '--no-fund', '--prefer-offline', `${name}@${version}`], place)
  const program = join(home, 'node_modules', name, 'bin/node')
  if (!existsSync(program)) throw new Error(`${name}@${version} has no bin/node`)
  return program
}

/** What is not as the page says. */
function tryOut(tarball: Tarball, node: string): string[] {
  const project = new Installed(tarball, node)
  try {
    project.write('what.js', 'console.log(process.version, process.features.typescript)\n')
    const [version, typescript] = project.run('node what.js').trim().split(' ')
    const names = typescript === 'strip' ? ['orders.mjs', 'orders.ts'] : ['orders.mjs']
    const guide = textFile('docs/guide.md').text
    const pages = [...names.map((name) => [name, readmeProgram(name).page] as const), ['the guide', guide] as const]
    return pages.flatMap(([name, page]) => {
      const real = withRealOutput(page, project, (why) => console.log(`  skipped: ${why}`))
      rmSync(join(project.directory, 'orders'), { recursive: true, force: true })
      if (real === page) console.log(`  ${name} on ${version}`)
      return real === page ? [] : [`${name} on ${version} printed:\n${real}`]
    })
  } finally {
    project.remove()
  }
}
