import { describe, expect, it } from 'vitest'

import { RUN_PAGES } from '../tidy/blocks.ts'
import { textFile } from '../tidy/files.ts'
import { Project, withRealOutput } from '../tidy/program.ts'

/** The programs of each page are run in a directory of its own where the package is installed and nothing else is. */
describe('the programs print what the page says', () => {
  it.each(RUN_PAGES)('%s', (path) => {
    const { text } = textFile(path)
    const project = new Project()
    try {
      const real = withRealOutput(text, project, (why) => console.log(`skipped: ${path}: ${why}`))
      expect(real).toBe(text)
    } finally {
      project.remove()
    }
  })
})
