/** What something that was thrown says. Anything can be thrown, and some of it has no form as text. */
export function thrownText(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown)
  } catch {
    return 'What was thrown has no form as text.'
  }
}
