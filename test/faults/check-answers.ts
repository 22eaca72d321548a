import type { Acknowledged, Sent } from './acknowledged.ts'

const statusOf = { throw: 409, unique: 409, reference: 422, check: 422, foreign: 500 } as const

/** No request was refused that should not have been, and none accepted. */
export function checkAnswers(ledger: Acknowledged, isExpected: (sent: Sent) => boolean = () => false): string[] {
  return ledger.all().flatMap((sent) => {
    const { operation, answer, refusal } = sent
    if (operation.kind === 'refusal' && answer) return [`refusal ${operation.id} was answered with ${answer.status}`]
    if (!refusal || sent.outcome !== 'refused' || isExpected(sent)) return []
    // A transfer of more than there is breaks the check of the balance.
    if (operation.kind === 'transfer' && refusal.status === 422) return []
    if (operation.kind === 'refusal' && refusal.status === statusOf[operation.how]) return []
    const took = Math.round((sent.answeredAt ?? 0) - (sent.sentAt ?? 0))
    return [`${operation.kind} ${operation.id} was answered with ${refusal.status} ${refusal.body} after ${took} ms`]
  })
}
