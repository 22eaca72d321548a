import { type CodeBlock, codeBlocks } from './code-blocks.ts'
import { type HttpExchange, parseHttp } from './http-block.ts'
import { parseShell, type ShellCommand } from './shell-block.ts'

/**
 * What running a page means, known before anything runs. Its files live in folders: a page that shows a file again, or
 * adds to one, goes on in a new folder that starts as a copy, so that every state the page shows is compiled and run.
 */
export interface PagePlan {
  folders: Map<string, string>[]
  steps: Step[]
}

export type Step = { line: number; folder: number } & (
  | { do: 'run'; file: string; output: string }
  | { do: 'serve'; file: string; by: 'command' | 'node' }
  | { do: 'shell'; commands: ShellCommand[] }
  | { do: 'http'; exchanges: HttpExchange[] }
)

/** Shown, not run. Anything else must be a language that is. */
const shown = ['text', 'sql', 'yaml', 'html', 'css', 'ini', 'diff', 'mermaid', 'md', 'dockerfile', 'nginx']

export class PagePlanner {
  readonly folders: Map<string, string>[] = [new Map()]
  readonly steps: Step[] = []
  readonly blocks: CodeBlock[]

  constructor(markdown: string) {
    this.blocks = codeBlocks(markdown)
  }

  plan(): PagePlan {
    for (const block of this.blocks) {
      try {
        this.add(block)
      } catch (error) {
        throw new Error(`line ${block.line}: ${(error as Error).message}`)
      }
    }
    return { folders: this.folders, steps: this.steps }
  }

  private add(block: CodeBlock): void {
    const { language, text, line, directives } = block
    checkDirectives(block)
    if (directives.run) return
    const place = { line, folder: this.folders.length - 1 }
    if (language === 'ts' || language === 'js') this.addProgram(block)
    else if (language === 'json') this.addJson(block)
    else if (language === 'sh') this.steps.push({ ...place, do: 'shell', commands: parseShell(text) })
    else if (language === 'http') this.steps.push({ ...place, do: 'http', exchanges: parseHttp(text) })
    else if (!shown.includes(language)) {
      throw new Error(`a block must say its language: ts, js, json, sh and http are run; ${shown.join(', ')} are not`)
    }
  }

  private addProgram(block: CodeBlock): void {
    const file = block.directives.file ?? block.directives.append ?? `block-${block.line}.${block.language}`
    this.write(file, block.text, 'append' in block.directives)
    const place = { line: block.line, folder: this.folders.length - 1, file }
    const text = this.folders.at(-1)!.get(file)!
    if (/^export default\b/m.test(text)) this.steps.push({ ...place, do: 'serve', by: 'command' })
    else if (/\.listen\(/.test(text)) this.steps.push({ ...place, do: 'serve', by: 'node' })
    // A module that a later block imports runs there.
    else if (!this.isImportedAfter(block, file)) this.steps.push({ ...place, do: 'run', output: outputComments(text) })
  }

  private isImportedAfter(block: CodeBlock, file: string): boolean {
    const later = this.blocks.slice(this.blocks.indexOf(block) + 1)
    return later.some((other) => /^(ts|js)$/.test(other.language) && other.text.includes(`'./${file}'`))
  }

  private addJson({ text, directives }: CodeBlock): void {
    JSON.parse(text)
    if (directives.file) this.write(directives.file, text, false)
  }

  private write(file: string, text: string, append: boolean): void {
    const current = this.folders.at(-1)!
    const before = current.get(file)
    if (append && before === undefined) throw new Error(`there is no ${file} yet to append to`)
    if (before !== undefined) this.folders.push(new Map(current))
    this.folders.at(-1)!.set(file, append ? `${before}\n${text}` : text)
  }
}

function checkDirectives({ language, directives }: CodeBlock): void {
  for (const [name, value] of Object.entries(directives)) {
    if (!['file', 'append', 'run'].includes(name)) throw new Error(`unknown directive ${name}`)
    if (name === 'run' && (language !== 'sh' || !/^none, .{10,}/.test(value))) {
      throw new Error('only an sh block may say `run: none`, and it must give the reason')
    }
    if (name !== 'run' && !/^[\w-]+(\/[\w-]+)*(\.[\w-]+)+$/.test(value)) throw new Error(`not a file name: ${value}`)
  }
}

/** `console.log(total) // => 3` shows what is printed. Without any, output is not compared. */
function outputComments(text: string): string {
  return [...text.matchAll(/\/\/ => (.*)$/gm)].map((match) => match[1]).join('\n')
}
