/**
 * Exact decimals as whole units of their last digit: `12.50` at scale 2 is 1250n.
 */

const decimalPattern = /^(-?)(\d{1,40})(?:\.(\d{1,40}))?$/

/** The units of a decimal, or undefined when it is not one or has digits beyond the scale that are not zero. */
export function decimalUnits(value: string | number, scale: number): bigint | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return undefined
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
