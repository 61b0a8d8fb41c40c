import type { Listener } from './environment.ts'
import type { DirectoryNode, FileNode, FileTree } from './tree.ts'

/** Calls `changed`, through `defer` and once for many changes, when a name or file in this directory of a tree changes. */
export function watchTree(
  tree: FileTree,
  path: string,
  defer: (task: () => void) => void,
  changed: () => void,
): Listener {
  const watched = tree.directory(path, 'watch')
  let announced = false
  let closed = false
  const announce = (): void => {
    if (announced) return
    announced = true
    defer(() => {
      announced = false
      if (!closed) changed()
    })
  }
  const fileChanged = (file: FileNode): void => {
    if (announced) return
    for (const node of watched.entries.values()) if (node === file) return announce()
  }
  const stop = tree.observe({
    wrote: fileChanged,
    resized: fileChanged,
    named: (directory: DirectoryNode) => {
      if (directory === watched) announce()
    },
    synced: () => undefined,
  })
  return {
    close: () => {
      closed = true
      stop()
    },
  }
}
