import type { JsonSchema } from '../schema/index.ts'
import type { OpenApiDocument } from './openapi.ts'
import { targetOf } from './openapi-closed.ts'
import { exampleOf } from './reference-example.ts'
import { Html, html, prose } from './reference-html.ts'
import { nameOf, SchemaView } from './reference-schema.ts'

interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
  description?: string
  schema: JsonSchema
  'x-operators'?: string[]
}

interface Media {
  schema?: JsonSchema
  examples?: Record<string, { value: unknown }>
}

interface Response {
  description: string
  content?: Record<string, Media>
  headers?: Record<string, unknown>
}

interface Operation {
  operationId: string
  tags: string[]
  summary: string
  description: string
  deprecated?: boolean
  parameters?: Parameter[]
  requestBody?: { description: string; content: Record<string, Media> }
  responses: Record<string, Response>
  security?: Record<string, unknown>[]
}

interface Shown extends Operation {
  method: string
  path: string
}

/** An OpenAPI document as a page, which can be read without scripts; `reference.js` adds the search and the forms. */
export function referencePage(document: OpenApiDocument): string {
  return new ReferencePage(document).page().text
}

// Outside of the template: bundlers rewrite a tagged one that holds the end of a script, and bring a helper for it.
const script = new Html('<script src="/docs/reference.js" defer></script>')

class ReferencePage {
  readonly #document: OpenApiDocument
  readonly #asked: SchemaView
  readonly #answered: SchemaView
  readonly #operations: Shown[]

  constructor(document: OpenApiDocument) {
    this.#document = document
    this.#asked = new SchemaView(document, true)
    this.#answered = new SchemaView(document, false)
    this.#operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({
        ...(operation as Operation),
        method: method.replace(/^x-/, '').toUpperCase(),
        path,
      })),
    )
  }

  page(): Html {
    const { info, servers, tags, components } = this.#document as {
      info?: { title: string; version: string; description: string }
      servers?: { url: string }[]
      tags?: { name: string }[]
      components?: {
        schemas?: Record<string, JsonSchema>
        responses?: Record<string, Response>
        securitySchemes?: object
      }
    }
    const { title, version, description } = info!
    const server = servers![0]!.url.replace(/\/$/, '')
    // Each version of an API has a document of its own, at its own address.
    const own = `${'x-changelog' in info! ? server : ''}/openapi.json`
    const groups = tags!.map(({ name }) => [name, this.#operations.filter((one) => one.tags[0] === name)] as const)
    const links = groups.map(([name, list]) => html`<h2>${name}</h2><ul>${list.map((one) => this.#link(one))}</ul>`)
    const sections = groups.map(
      ([name, list]) => html`<section><h2>${name}</h2>${list.map((one) => this.#operation(one))}</section>`,
    )
    const answers = Object.entries(components?.responses ?? {}).map(
      ([name, response]) =>
        html`<details id="answer-${name}"><summary><b>${name}</b> <span>${response.description}</span></summary><div>${this.#content(response)}</div></details>`,
    )
    const schemas = Object.entries(components?.schemas ?? {}).map(
      ([name, schema]) =>
        html`<details id="schema-${name}"><summary><code>${name}</code></summary><div>${this.#asked.fields(schema, [name])}</div></details>`,
    )
    const token =
      components?.securitySchemes &&
      html`<label hidden>Token <input type="password" autocomplete="off" placeholder="kept until you leave"></label>`
    return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · reference</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/reference.css">
${script}
<body data-server="${server}">
<nav><a class="title" href="#">${title}</a><label hidden><input type="search" placeholder="Search"></label>${token}<div>${links}</div></nav>
<main><h1>${title} <small>${version}</small></h1><p>${prose(description)} <a href="${own}">OpenAPI</a></p>
${sections}<section><h2>Shared answers</h2>${answers}</section><section><h2>Schemas</h2>${schemas}</section></main>
</body>
</html>
`
  }

  #link({ operationId, method, summary }: Shown): Html {
    return html`<li data-for="${operationId}"><a href="#${operationId}"><b class="method ${method}">${method}</b> ${summary}</a></li>`
  }

  #operation(operation: Shown): Html {
    const { operationId, method, path, summary, description, deprecated, security } = operation
    const locked = security?.length === 1
    const parameters = (operation.parameters ?? []).map((one) => this.#resolved(one))
    const words = `${method} ${path} ${summary} ${operationId} ${operation.tags.join(' ')}`.toLowerCase()
    return html`<details class="operation" id="${operationId}" data-words="${words}">
<summary><b class="method ${method}">${method}</b> <code class="${deprecated && 'deprecated'}">${path}</code> <span>${summary}</span>${locked && html`<i title="Needs an identity">token</i>`}</summary>
<div><p>${deprecated && html`<b>Deprecated.</b> `}${prose(description)}</p>
${this.#parameters(parameters)}${this.#body(operation)}
<h3>Answers</h3>${Object.entries(operation.responses).map((entry) => this.#response(...entry))}
${this.#form(operation, parameters, locked)}</div></details>
`
  }

  #parameters(parameters: Parameter[]): Html | undefined {
    if (parameters.length === 0) return undefined
    const rows = parameters.map((one) => {
      const { name, schema, 'x-operators': operators } = one
      const label = this.#asked.label(name, schema, one.required === true, operators ? '' : one.description)
      const others = operators && html`<div class="note">or <code>${name}[…]</code> with ${operators.join(', ')}</div>`
      return html`<li><small>${one.in}</small> ${label}${others}</li>`
    })
    return html`<h3>Parameters</h3><ul class="fields">${rows}</ul>`
  }

  #body({ requestBody }: Operation): Html | undefined {
    if (!requestBody) return undefined
    const types = Object.keys(requestBody.content).join(', ')
    const schema = Object.values(requestBody.content)[0]?.schema ?? {}
    return html`<h3>Body</h3><p class="note">${types}. ${requestBody.description}</p>${this.#schema(this.#asked, schema)}`
  }

  /** One that operations share is told once, at the end of the page. */
  #response(status: string, given: Response): Html {
    const label = html`<b class="s${status[0]}">${status}</b>`
    if ('$ref' in given) {
      const { description } = this.#resolved(given)
      return html`<p>${label} <a href="#answer-${nameOf(String(given.$ref))}">${description}</a></p>`
    }
    return html`<p>${label} ${given.description}</p><div class="answer">${this.#content(given)}</div>`
  }

  #content({ content, headers }: Response): Html {
    const media = Object.entries(content ?? {}).map(([type, { schema, examples }]) => {
      const shown = Object.entries(examples ?? {}).map(
        ([name, { value }]) => html`<p class="note">${name}</p><pre>${JSON.stringify(value, null, 2)}</pre>`,
      )
      return html`<p class="note">${type}</p>${schema && this.#schema(this.#answered, schema)}${shown}`
    })
    const fields = Object.keys(headers ?? {}).map((name) => html` <code>${name}</code>`)
    return html`${media}${fields.length > 0 && html`<p class="note">Header fields:${fields}</p>`}`
  }

  #schema(view: SchemaView, schema: JsonSchema): Html {
    const words = view.words(schema)
    return html`${words !== 'object' && html`<div class="type">${words}</div>`}${view.fields(schema)}`
  }

  /** The example call, and what `reference.js` makes the form of: hidden until it does. */
  #form({ method, path, requestBody }: Shown, parameters: Parameter[], locked: boolean): Html {
    const [type, media] = Object.entries(requestBody?.content ?? {})[0] ?? []
    const body = media?.schema && JSON.stringify(exampleOf(media.schema, this.#document), null, 2)
    const inputs = parameters.map((one) => {
      const needed = one.required === true
      return html`<label>${one.name}${needed && html`<b class="required">*</b>`} <small>${one.in}</small><input name="${one.in}.${one.name}" placeholder="${this.#asked.words(one.schema)}" ${needed && html`required`}></label>`
    })
    const filtered = parameters.some((one) => one['x-operators'])
    const more =
      filtered &&
      html`<label>Others <small>query</small><input name="more.query" placeholder="name[operator]=value&amp;…"></label>`
    const area =
      body &&
      html`<label>Body <small>${type}</small><textarea name="body" rows="${Math.min(16, body.split('\n').length)}" spellcheck="false">${body}</textarea></label>`
    return html`<h3>Example</h3><pre class="curl">${curlOf(method, path, type, body, locked)}</pre>
<form hidden data-method="${method}" data-path="${path}" data-type="${type}" data-locked="${locked && 'yes'}">${inputs}${more}${area}<button>Send</button><output></output></form>`
  }

  #resolved<T extends object>(given: T): T {
    return '$ref' in given ? (targetOf(this.#document, String(given.$ref)) as T) : given
  }
}

function curlOf(
  method: string,
  path: string,
  type: string | undefined,
  body: string | undefined,
  locked: boolean,
): string {
  const parts = [`curl${method === 'GET' ? '' : ` -X ${method}`} "$SERVER${path}"`]
  if (locked) parts.push(`-H "authorization: Bearer $TOKEN"`)
  if (body !== undefined)
    parts.push(`-H 'content-type: ${type}'`, `-d '${JSON.stringify(JSON.parse(body)).replaceAll("'", `'\\''`)}'`)
  return parts.join(' \\\n  ')
}
