import type { TextFile } from './files.ts'

/** Pages whose blocks `js file=…` are saved and `console run` are run; `test/package/pages.test.ts` does that. */
export const RUN_PAGES = ['README.md', 'docs/guide.md', 'docs/runs.md', 'docs/options.md', 'docs/observability.md']

/** Blocks of other sorts, by what stands behind the fence, and the test that runs or compares them. */
const OTHERS: readonly { readonly page: RegExp; readonly fence: RegExp; readonly test: string }[] = [
  { page: /^README\.md$/, fence: /^console shell$/, test: 'test/lib/cli/readme.test.ts' },
  { page: /^(README|CONTRIBUTING|bench\/README)\.md$/, fence: /^sh$/, test: 'test/tidy.test.ts' },
  { page: /^docs\/operating\.md$/, fence: /^sh$/, test: 'test/lib/cli/runbook.test.ts' },
  { page: /^docs\/format\.md$/, fence: /^(hex|json|text) name=/, test: 'test/segments/format/format-doc.test.ts' },
  { page: /^docs\/testing\.md$/, fence: /^(ts|text)$/, test: 'test/examples/testing.test.ts' },
]

/** What is no code: output, a formula, a picture in letters. */
const NO_CODE = 'text'

/** Blocks that no test runs or compares and that do not say that they are no code; each says what it is. */
export function strayBlocks(pages: readonly TextFile[]): string[] {
  return pages.flatMap(({ path, text }) => {
    let isInside = false
    return text.split('\n').flatMap((line, index) => {
      if (!line.startsWith('```')) return []
      isInside = !isInside
      const fence = line.slice('```'.length)
      if (!isInside || fence === NO_CODE) return []
      if (fence === '')
        return [`${path}:${index + 1}: a block that does not say what it is; '${NO_CODE}' if it is no code`]
      const isRun = RUN_PAGES.includes(path) && /^(js file=|console run)/.test(fence)
      const isOther = OTHERS.some((other) => other.page.test(path) && other.fence.test(fence))
      return isRun || isOther ? [] : [`${path}:${index + 1}: no test runs this block: ${fence}`]
    })
  })
}

/** What npm does by itself. */
const NPM = ['ci', 'install', 'pack']

/** Commands of npm and npx in blocks `sh` that this repository does not have. */
export function strayCommands(
  pages: readonly TextFile[],
  scripts: readonly string[],
  tools: readonly string[],
): string[] {
  return pages.flatMap(({ path, text }) => {
    const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1]!)
    const commands = blocks.flatMap((block) => block.split('\n')).flatMap((line) => line.split(/ # |&&/))
    return commands.flatMap((command) => {
      const [program, name, script] = command.trim().split(/\s+/)
      const isNpm =
        program === 'npm' && (NPM.includes(name ?? '') || scripts.includes((name === 'run' ? script : name) ?? ''))
      const isKnown = isNpm || (program === 'npx' && tools.includes(name ?? ''))
      return isKnown || !/^np[mx]$/.test(program ?? '') ? [] : [`${path}: there is no ${command.trim()}`]
    })
  })
}
