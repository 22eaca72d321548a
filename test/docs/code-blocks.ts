/** A fenced code block of a page. */
export interface CodeBlock {
  language: string
  text: string
  /** Where its first line stands in the page, from 1. */
  line: number
  /** `<!-- file: models.ts -->` right before the block is `{ file: 'models.ts' }`. */
  directives: Record<string, string>
}

/** Fences may be indented (in a list) and longer than three marks (to show a fence). */
export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = []
  let open: (CodeBlock & { fence: string; indent: string }) | undefined
  let directives: Record<string, string> = {}
  for (const [index, line] of markdown.split('\n').entries()) {
    if (open) {
      if (line.trim() === open.fence) {
        const { language, text, line, directives } = open
        blocks.push({ language, text, line, directives })
        open = undefined
      } else {
        open.text += `${line.startsWith(open.indent) ? line.slice(open.indent.length) : line.trimStart()}\n`
      }
      continue
    }
    const fence = /^(\s*)(`{3,}|~{3,})\s*([\w+-]*)/.exec(line)
    const directive = /^\s*<!--\s*(\w+):\s*(.*?)\s*-->\s*$/.exec(line)
    if (fence) {
      open = { language: fence[3]!, text: '', line: index + 2, directives, fence: fence[2]!, indent: fence[1]! }
      directives = {}
    } else if (directive) {
      directives = { ...directives, [directive[1]!]: directive[2]! }
    } else if (line.trim() !== '') {
      directives = {}
    }
  }
  if (open) throw new Error(`line ${open.line - 1}: the block is not closed`)
  return blocks
}
