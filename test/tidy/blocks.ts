import type { TextFile } from './files.ts'

/** Pages whose blocks `js file=…` are saved and `console run` are run; `test/package/pages.test.ts` does that. */
export const RUN_PAGES = ['README.md', 'docs/guide.md', 'docs/runs.md', 'docs/options.md', 'docs/observability.md']

/** Blocks of other sorts, by what stands behind the fence, and the test that runs or compares them. */
const OTHERS: readonly { readonly page: RegExp; readonly fence: RegExp; readonly test: string }[] = [
  { page: /^README\.md$/, fence: /^console shell$/, test: 'test/lib/cli/readme.test.ts' },
  { page: /^docs\/operating\.md$/, fence: /^sh$/, test: 'test/lib/cli/runbook.test.ts' },
  { page: /^docs\/format\.md$/, fence: /^(hex|json|text) name=/, test: 'test/segments/format/format-doc.test.ts' },
  { page: /^docs\/testing\.md$/, fence: /^(ts|text)$/, test: 'test/examples/testing.test.ts' },
]

/** Blocks of code that no test runs or compares. What stands behind a fence without a language is no code. */
export function strayBlocks(pages: readonly TextFile[]): string[] {
  return pages.flatMap(({ path, text }) => {
    let isInside = false
    return text.split('\n').flatMap((line, index) => {
      if (!line.startsWith('```')) return []
      isInside = !isInside
      const fence = line.slice('```'.length)
      if (!isInside || fence === '') return []
      const isRun = RUN_PAGES.includes(path) && /^(js file=|console run)/.test(fence)
      const isOther = OTHERS.some((other) => other.page.test(path) && other.fence.test(fence))
      return isRun || isOther ? [] : [`${path}:${index + 1}: no test runs this block: ${fence}`]
    })
  })
}
