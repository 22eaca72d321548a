import { expect, test } from 'vitest'
import { sanitiseHtml } from './sanitise.ts'

test.each([
  ['<p>a <strong>b</strong></p>', '<p>a <strong>b</strong></p>'],
  ['<a href="https://a.b">x</a>', '<a href="https://a.b">x</a>'],
  ['<a href="  jAvascript:alert(1)" onclick="x">x</a>', '<a>x</a>'],
  ['<a href="data:text/html,x">x</a>', '<a>x</a>'],
  ['<script>x</script>y<style>z</style>', 'y'],
  ['<iframe src="https://a.b"></iframe>', ''],
  ['<p style="position:fixed" class="a" id="b">x</p>', '<p>x</p>'],
  ['<form><input name="a"><button>b</button></form>', 'b'],
  ['<<script>script>alert(1)<</script>/script>', '&lt;/script&gt;'],
  ['<p>open', '<p>open</p>'],
  ['a &lt;script&gt;', 'a &lt;script&gt;'],
])('%s becomes %s', (html, clean) => {
  expect(sanitiseHtml(html)).toBe(clean)
  expect(sanitiseHtml(clean)).toBe(clean)
})
