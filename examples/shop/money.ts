// Money is text, `24.50`, in JSON and in code: no float ever holds it. Sums of rows are the database's (`db.aggregate`);
// what is reckoned here is reckoned in cents.

export function cents(money: string): bigint {
  return BigInt(money.replace('.', ''))
}

export function money(cents: bigint): string {
  const digits = String(cents).padStart(3, '0')
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`
}
