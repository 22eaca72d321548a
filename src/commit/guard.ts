import type { AnyModel, Condition } from '../schema/index.ts'

export type Action = 'read' | 'create' | 'update' | 'delete'

/**
 * Says what somebody may do. This room asks; the access room answers. Work without a guard acts as the system.
 */
export interface Guard {
  /** Which rows of a model the action is granted for: everything, nothing, or those that match. */
  rule(model: AnyModel, action: Action): Condition
  /** Whether everybody may read all rows of a model, whoever they are. */
  isOpen?(model: AnyModel): boolean
  /** Nobody has been identified: what is not granted could be granted to somebody. */
  readonly anonymous: boolean
}
