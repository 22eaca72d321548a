// What files say of themselves in their first bytes. A type that a client says is never believed: it is what would be served
// again later. Formats whose mark is not at the start, or that are told by a name only, are `application/octet-stream`.

interface Mark {
  type: string
  /** Where it begins. Default 0. */
  at?: number
  bytes: string
}

/** As Latin-1 text; `?` is any byte. */
const marks: readonly Mark[] = [
  { type: 'image/png', bytes: '\x89PNG\r\n\x1a\n' },
  { type: 'image/jpeg', bytes: '\xff\xd8\xff' },
  { type: 'image/gif', bytes: 'GIF87a' },
  { type: 'image/gif', bytes: 'GIF89a' },
  { type: 'image/webp', bytes: 'RIFF????WEBP' },
  { type: 'image/avif', at: 4, bytes: 'ftypavif' },
  { type: 'image/avif', at: 4, bytes: 'ftypavis' },
  { type: 'image/heic', at: 4, bytes: 'ftypheic' },
  { type: 'image/heic', at: 4, bytes: 'ftypheix' },
  { type: 'image/heic', at: 4, bytes: 'ftypmif1' },
  { type: 'image/tiff', bytes: 'II*\0' },
  { type: 'image/tiff', bytes: 'MM\0*' },
  { type: 'image/bmp', bytes: 'BM????\0\0\0\0' },
  { type: 'application/pdf', bytes: '%PDF-' },
  { type: 'application/zip', bytes: 'PK\x03\x04' },
  { type: 'application/zip', bytes: 'PK\x05\x06' },
  { type: 'application/gzip', bytes: '\x1f\x8b\x08' },
  { type: 'application/x-7z-compressed', bytes: '7z\xbc\xaf\x27\x1c' },
  { type: 'application/zstd', bytes: '\x28\xb5\x2f\xfd' },
  { type: 'video/quicktime', at: 4, bytes: 'ftypqt  ' },
  { type: 'audio/mp4', at: 4, bytes: 'ftypM4A ' },
  { type: 'video/mp4', at: 4, bytes: 'ftyp' },
  { type: 'video/webm', bytes: '\x1a\x45\xdf\xa3' },
  { type: 'audio/mpeg', bytes: 'ID3' },
  { type: 'audio/mpeg', bytes: '\xff\xfb' },
  { type: 'audio/wav', bytes: 'RIFF????WAVE' },
  { type: 'audio/ogg', bytes: 'OggS' },
  { type: 'audio/flac', bytes: 'fLaC' },
  { type: 'application/wasm', bytes: '\0asm' },
  { type: 'application/vnd.sqlite3', bytes: 'SQLite format 3\0' },
]

const plain = 'text/plain'
const unknown = 'application/octet-stream'

/** Every type that can be told. */
export const fileTypes: readonly string[] = [
  ...new Set([...marks.map(({ type }) => type), plain, 'text/html', 'application/xml', 'image/svg+xml', unknown]),
]

/** Bytes that are looked at: text is only known to be text as far as it was seen. */
export const sniffedBytes = 4096

const endings: Record<string, string> = {
  'image/jpeg': '.jpg',
  'image/svg+xml': '.svg',
  'application/gzip': '.gz',
  'application/x-7z-compressed': '.7z',
  'application/zstd': '.zst',
  'video/quicktime': '.mov',
  'audio/mp4': '.m4a',
  'audio/mpeg': '.mp3',
  'application/vnd.sqlite3': '.sqlite',
  'text/plain': '.txt',
  'application/octet-stream': '.bin',
}

/** What the name of a file of this type ends with: `.png`. */
export function endingOf(type: string): string {
  return endings[type] ?? `.${type.split('/')[1]}`
}

/** @param whole whether these are all the bytes there are */
export function typeOf(bytes: Buffer, whole: boolean): string {
  const found = marks.find((mark) => isMarked(bytes, mark))
  if (found) return found.type
  const text = bytes.length > 0 ? textOf(bytes, whole) : undefined
  if (text === undefined) return unknown
  // Browsers run what looks like a page, whatever it is called.
  const start = text
    .replace(/^\ufeff/, '')
    .trimStart()
    .slice(0, 1024)
    .toLowerCase()
  if (
    /^(?:<!doctype html|<(?:html|head|body|script|iframe|h1|div|font|table|a|style|title|b|br|p|!--)[\s>/-])/.test(
      start,
    )
  )
    return 'text/html'
  if (/^(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*|<!doctype svg[^>]*>\s*)*<svg[\s>]/s.test(start)) return 'image/svg+xml'
  return start.startsWith('<?xml') ? 'application/xml' : plain
}

function isMarked(bytes: Buffer, { at = 0, bytes: mark }: Mark): boolean {
  if (bytes.length < at + mark.length) return false
  for (let index = 0; index < mark.length; index++) {
    if (mark[index] !== '?' && bytes[at + index] !== mark.charCodeAt(index)) return false
  }
  return true
}

/** UTF-8 without control characters; undefined for anything else. */
function textOf(bytes: Buffer, whole: boolean): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: !whole })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    return /[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text) ? undefined : text
  } catch {
    return undefined
  }
}
