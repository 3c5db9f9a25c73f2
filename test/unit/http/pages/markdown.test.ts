import { describe, expect, test } from '@jest/globals';
import { toMarkdownHtml } from '../../../../src/http/pages/markdown.ts';

describe('a description in Markdown', () => {
  test('has paragraphs, lists, emphasis, code and links that open in a new tab', async () => {
    const html = await toMarkdownHtml(
      'Use **Settings**, `API`:\n\n- one\n- [the page](https://id.example/keys "Keys")',
    );
    expect(html).toContain('<strong>Settings</strong>, <code>API</code>');
    expect(html).toContain('<li>one</li>');
    expect(html).toContain(
      '<a href="https://id.example/keys" title="Keys" target="_blank" rel="noopener noreferrer">the page<span class="spoken"> (opens in a new tab)</span></a>',
    );
    expect(await toMarkdownHtml('See https://a.example or me@a.example')).toContain(
      '<a href="https://a.example" target',
    );
    expect(await toMarkdownHtml('[mail](mailto:me@a.example)')).toContain('<a href="mailto:me@a.example"');
  });

  test.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '<form action="https://evil.example"><input name=a></form>',
    '[x](javascript:alert(1))',
    '[x](JaVaScRiPt:alert(1))',
    '[x](java\nscript:alert(1))',
    '[x](&#106;avascript:alert(1))',
    '[x](data:text/html,<script>alert(1)</script>)',
    '[x](vbscript:a)',
    '[x](file:///etc/passwd)',
    '[x](/vault/log-out)',
    '[x](//evil.example)',
    '<javascript:alert(1)>',
    '![x](https://evil.example/pixel.png)',
    '[x]: javascript:alert(1)\n\n[x]',
    '`<b>`<svg/onload=alert(1)>',
    '# A heading\n\nAnother\n===',
    '[a](https://x.example" onmouseover="alert(1))',
    '<https://x.example/"onmouseover="alert(1)>',
    '- <iframe src="https://evil.example">\n\n```html\n<script>1</script>\n```',
  ])('%j brings in no markup and no other scheme', async (text) => {
    const html = await toMarkdownHtml(text);
    const tags = [...html.matchAll(/<\/?([a-z0-9]+)/gi)].map(([, name]) => name);
    const allowed = ['p', 'a', 'br', 'strong', 'em', 'code', 'pre', 'ul', 'ol', 'li', 's', 'span'];
    expect(tags.filter((name) => !allowed.includes(name ?? ''))).toEqual([]);
    expect(
      [...html.matchAll(/href="([^"]*)"/g)]
        .map(([, url]) => url)
        .filter((url) => !/^(https?:\/\/|mailto:)/.test(url ?? '')),
    ).toEqual([]);
    const attributes = [...html.matchAll(/<[a-z]+([^>]*)>/g)].flatMap(([, text = '']) =>
      [...text.matchAll(/\s([a-z-]+)=/g)].map(([, name]) => name),
    );
    expect(
      attributes.filter((name) => !['href', 'title', 'target', 'rel', 'class', 'start'].includes(name ?? '')),
    ).toEqual([]);
  });
});
