import {
  type AnyModel,
  type Field,
  type FieldKind,
  fieldJsonSchema,
  kindOf,
  textKinds,
  valueField,
} from '../schema/index.ts'
import type { Endpoint } from './endpoint.ts'
import type { OperationDetails, ParameterDetails } from './openapi-details.ts'
import type { Askable } from './resource-query.ts'

/** Makes one endpoint of a resource: what they all have in common is filled in. */
export type ResourceEndpoint = (route: string, options: ResourceEndpointOptions) => Endpoint

export interface ResourceEndpointOptions {
  /** Of the OpenAPI operation's name: `list` makes `listArticle`. */
  operation: string
  openapi: OperationDetails
  accepts?: readonly string[]
  handle: (context: any) => unknown
  [option: string]: unknown
}

const equality = ['eq', 'ne', 'in', 'nin', 'null']
const order = ['gt', 'gte', 'lt', 'lte', 'between']
const text = ['contains', 'startsWith', 'endsWith', 'icontains', 'istartsWith', 'iendsWith']

/** The query parameters of a list, for its description. */
export function filterParameters({ model, limits, include }: Askable): ParameterDetails[] {
  const fields = [...(model.fields as Map<string, Field>)]
  const visible = fields.filter(([, field]) => field.kind !== 'manyToMany' && !field.options.writeOnly)
  const plain = visible.filter(([, { kind }]) => kind !== 'virtual' && kind !== 'json' && kind !== 'bytes')
  const string = { type: 'string' }
  return [
    ...plain.map(([name, field]) => filterParameter(name, field)),
    {
      name: 'sort',
      in: 'query',
      schema: string,
      description: `Fields with commas, \`-\` for descending: ${plain.map(([name]) => name).join(', ')}`,
    },
    {
      name: 'limit',
      in: 'query',
      schema: { type: 'integer', minimum: 1, maximum: limits.max, default: limits.default },
      description: 'Rows of a page',
    },
    {
      name: 'after',
      in: 'query',
      schema: string,
      description: 'The cursor of the next page, as the Link header has it',
    },
    {
      name: 'fields',
      in: 'query',
      schema: string,
      description: `Only these fields, with commas: ${visible.map(([name]) => name).join(', ')}`,
    },
    ...(include.length > 0
      ? [
          {
            name: 'include',
            in: 'query',
            schema: string,
            description: `Related rows, with commas: ${include.join(', ')}`,
          } as const,
        ]
      : []),
    ...(model.options.search
      ? [
          {
            name: 'search',
            in: 'query',
            schema: string,
            description: `Words in ${model.options.search.join(', ')}`,
          } as const,
        ]
      : []),
  ]
}

function filterParameter(name: string, field: Field): ParameterDetails {
  const { kind } = valueField(field)
  const operators = [...equality, ...(kindOf(field).ordered ? order : []), ...(isText(kind) ? text : [])]
  return {
    name,
    in: 'query',
    schema: fieldJsonSchema(field),
    operators,
    description: `Rows with this value; or by operator: ${name}[ne]=…`,
  }
}

function isText(kind: FieldKind): boolean {
  return textKinds.includes(kind)
}

/** `article` → `Article`, as operations are named. */
export function capitalised(model: AnyModel): string {
  return model.name[0]!.toUpperCase() + model.name.slice(1)
}
