export { type Automatic, type DeletedAt, type Generated, type Plain, type ToMany, type ToOne, t } from './builder.ts'
export { closedInput } from './closed-input.ts'
export { decimalText, decimalUnits } from './decimal.ts'
export { type Deletion, deletionOf, liveRows } from './deletion.ts'
export { type Duration, millisecondsOf } from './duration.ts'
export {
  Field,
  type FieldKind,
  type FieldOptions,
  type FieldSpec,
  numberKinds,
  type OnDelete,
  textKinds,
} from './field.ts'
export {
  allOf,
  anyOf,
  type Comparison,
  type Condition,
  everything,
  type FilterReach,
  type JsonPath,
  type JsonTest,
  nothing,
  notThat,
  type OrderOperator,
  reachOf,
  type TextOperator,
} from './filter-condition.ts'
export { compileMatcher, type MatchedRow, type Matcher, matches, type RelatedRows } from './filter-match.ts'
export { lookedUp } from './filter-operator.ts'
export { type FilterOptions, parseFilter, takeSearch } from './filter-parse.ts'
export { parseJsonPath } from './filter-path.ts'
export { parseQueryFilter, type QueryFilterOptions, reservedParameters } from './filter-query.ts'
export { shownFilter } from './filter-show.ts'
export { compareText, textAfterPrefix } from './filter-text.ts'
export type * from './filter-types.ts'
export { type Comparable, comparableReader, expectedValue, filterValue } from './filter-value.ts'
export { foldCase } from './fold.ts'
export { instantOf, instantText } from './instant.ts'
export { describeAs, jsonSchemaOf } from './json-schema.ts'
export type { ColumnType, Direction, JsonSchema, Kind } from './kind.ts'
export { codePointLength, isStorableText } from './kind-text.ts'
export { fieldJsonSchema, kindOf, valueField } from './kinds.ts'
export { type AnyModel, type IndexOptions, Model, type ModelOptions, model, type Shape } from './model.ts'
export { fieldValidator, type InputValidator, isOptional, writableFields } from './model-input.ts'
export { fieldReader, ModelReader, patchReader } from './model-reader.ts'
export { isPlainObject } from './plain-object.ts'
export { isOwn, type Relation, Schema } from './schema.ts'
export { checkSchema } from './schema-check.ts'
export type { InferInput, InferOutput, StandardIssue, StandardSchemaV1 } from './standard-schema.ts'
export { type ColumnSpec, type IndexSpec, isStored, type ReferenceSpec, type TableSpec } from './table.ts'
export type * from './types.ts'
export { uuidv7 } from './uuid.ts'
export { violationsOf } from './violations.ts'
