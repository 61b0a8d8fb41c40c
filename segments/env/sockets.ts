import type { SocketProbe } from './environment.ts'
import type { FileTree, OtherNode, TreeNode } from './tree.ts'

/** Lock sockets in a tree in memory: a name, and whether somebody listens behind it. */

export function listenInTree(tree: FileTree, path: string, host = ''): OtherNode {
  const socket = tree.createOther(path, 'socket', 'EADDRINUSE')
  socket.listening = true
  socket.host = host
  return socket
}

/** The name goes only if it is still this socket's. */
export function closeInTree(tree: FileTree, path: string, socket: OtherNode): void {
  if (!socket.listening) return
  socket.listening = false
  if (nodeAt(tree, path) === socket) tree.unlink(path)
}

export function probeInTree(tree: FileTree, path: string, host = ''): SocketProbe {
  const node = nodeAt(tree, path)
  if (node === 'unknown') return 'unknown'
  if (!node) return 'absent'
  return node.kind === 'other' && node.listening && node.host === host ? 'alive' : 'dead'
}

function nodeAt(tree: FileTree, path: string): TreeNode | undefined | 'unknown' {
  try {
    return tree.find(path, 'connect')
  } catch (error) {
    return (error as { code?: string }).code === 'ENOENT' ? undefined : 'unknown'
  }
}
