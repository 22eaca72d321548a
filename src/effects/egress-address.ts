import { BlockList, isIP } from 'node:net'
import { MonoblocError } from '../errors.ts'

// Who may be called when somebody else chose the address: what the registries of IANA call globally reachable, less what
// clouds and transition mechanisms put there. Of IPv6 only 2000::/3 has been given out, so that all else is refused
// without being named: ::1, fe80::/10, fc00::/7 (fd00:ec2::254 is in it), ff00::/8, 64:ff9b::/96 (NAT64), ::/96 and
// ::ffff:0:0/96 (IPv4 inside IPv6).

/** RFC 6890 and its registry. */
const refused4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  // Carrier-grade NAT (RFC 6598); 100.100.100.200 is the metadata of a cloud.
  '100.64.0.0/10',
  '127.0.0.0/8',
  // Link-local; 169.254.169.254 is the metadata of most clouds.
  '169.254.0.0/16',
  '172.16.0.0/12',
  // 192.0.0.192 is the metadata of a cloud.
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // Public by its number, and the host of each machine of a cloud.
  '168.63.129.16/32',
]

const refused6 = [
  // Protocols, among them Teredo (2001::/32), which carries an IPv4 address.
  '2001::/23',
  '2001:db8::/32',
  // 6to4, which carries an IPv4 address.
  '2002::/16',
  '2620:4f:8000::/48',
  '3fff::/20',
]

const given6 = networks(['2000::/3'])
const refused = networks([...refused4, ...refused6])

/** An interface of ISATAP (RFC 5214), which carries an IPv4 address whatever its network is. */
const isatap = /^(?:[0-9a-f]{1,4}:){4}(?:0|200):5efe:/

/** Reads `10.0.0.0/8`, `::1`. @throws MonoblocError `definition_invalid` */
export function networks(list: readonly string[]): BlockList {
  const found = new BlockList()
  for (const network of list) {
    const [address = '', bits, ...more] = String(network).split('/')
    const family = isIP(address)
    const longest = family === 4 ? 32 : 128
    const length = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
    if (family === 0 || more.length > 0 || address.includes('%') || length < 0 || length > longest) {
      throw new MonoblocError('definition_invalid', {
        subject: String(network),
        detail: `"${network}" is no network: write an address or a range, such as 10.1.2.3, 10.0.0.0/8 or fd00::/8.`,
      })
    }
    found.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6')
  }
  return found
}

/** Whether an address is one that everybody can reach: no part of this machine, its network or its cloud. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !refused.check(address, 'ipv4')
  if (family !== 6 || address.includes('%')) return false
  return given6.check(address, 'ipv6') && !refused.check(address, 'ipv6') && !isatap.test(whole(address))
}

/** Whether a list has an address. An IPv4 address inside an IPv6 one is none of IPv4: it would be reached another way. */
export function isAmong(list: BlockList, address: string): boolean {
  const family = isIP(address)
  if (family === 0 || address.includes('%')) return false
  if (family === 6 && /^(?:0:){5}(?:0|ffff):/.test(whole(address)))
    return isLoopback6(address) && list.check(address, 'ipv6')
  return list.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

function isLoopback6(address: string): boolean {
  return whole(address) === '0:0:0:0:0:0:0:1'
}

/** All eight groups of an IPv6 address, without leading zeros. */
function whole(address: string): string {
  // The parser of URLs writes an address in one way, with the embedded IPv4 in hexadecimal.
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [before = '', after] = text.split('::')
  if (after === undefined) return text
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const ends = groups(after)
  const starts = groups(before)
  return [...starts, ...Array<string>(8 - starts.length - ends.length).fill('0'), ...ends].join(':')
}
