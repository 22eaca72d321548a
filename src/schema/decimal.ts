/**
 * Exact decimals as whole units of their last digit: `12.50` at scale 2 is 1250n.
 */

/** Digits before the point and after it: far more than any column holds, and few enough to be read at once. */
export const longestPart = 40

const decimalPattern = new RegExp(`^(-?)(\\d{1,${longestPart}})(?:\\.(\\d{1,${longestPart}}))?$`)

/**
 * The units of a decimal, or undefined when it is not one or has digits beyond the scale that are not zero. A number is
 * taken as it is written; beyond ±(2^53 - 1) it may have been another one before it was read, and is not taken.
 */
export function decimalUnits(value: string | number, scale: number): bigint | undefined {
  if (typeof value === 'number' && !(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) return undefined
  const found = decimalPattern.exec(String(value))
  if (!found) return undefined
  const [, sign, whole, fraction = ''] = found
  if (/[1-9]/.test(fraction.slice(scale))) return undefined
  const units = BigInt(whole + fraction.slice(0, scale).padEnd(scale, '0'))
  return sign ? -units : units
}

/** The canonical text of units: always `scale` digits after the point, no negative zero. */
export function decimalText(units: bigint, scale: number): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0')
  const sign = units < 0n ? '-' : ''
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
