// The three forms of RFC 9110, 5.6.7: what is sent today, and two that must still be read.
const today = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/
const ofRfc850 = /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d:\d\d:\d\d) GMT$/
const ofAsctime = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d) (\d{4})$/

/** An HTTP date in milliseconds, in whole seconds; undefined for what is none, which is then as if it were not there. */
export function parseHttpDate(text: string): number | undefined {
  const time = today.test(text) ? Date.parse(text) : parseOld(text)
  return Number.isNaN(time) ? undefined : time
}

function parseOld(text: string): number {
  const [, day, month, ofCentury, time] = ofRfc850.exec(text) ?? []
  if (day === undefined) {
    const [, month, day, time, year] = ofAsctime.exec(text) ?? []
    return month === undefined ? Number.NaN : Date.parse(`${day!.trim()} ${month} ${year} ${time} GMT`)
  }
  // A year of two digits that would be more than 50 years ahead is one of the last century.
  const now = new Date().getUTCFullYear()
  const year = Math.floor(now / 100) * 100 + Number(ofCentury)
  return Date.parse(`${day} ${month} ${year > now + 50 ? year - 100 : year} ${time} GMT`)
}

/** Milliseconds as an HTTP date, which has whole seconds. */
export function httpDate(time: number): string {
  return new Date(time).toUTCString()
}
