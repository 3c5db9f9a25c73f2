import type { MarkdownIt } from 'markdown-it';

/** What a description may hold: no headings, which belong to the page, no images, which would report who reads it. */
const RULES = [
  'autolink',
  'backticks',
  'code',
  'emphasis',
  'entity',
  'escape',
  'fence',
  'linkify',
  'link',
  'list',
  'newline',
  'strikethrough',
] as const;

let parser: Promise<MarkdownIt> | undefined;

/**
 * The HTML of a text in Markdown (CommonMark): paragraphs, lists, emphasis, code and links to `http:`, `https:` and
 * `mailto:`, which open in a new tab. HTML in it stays text.
 */
export async function toMarkdownHtml(text: string): Promise<string> {
  // 11 MB and up to 60 ms: loaded by the first page that shows a description.
  parser ??= import('markdown-it').then(({ default: Markdown }) =>
    configure(new Markdown('zero', { html: false, linkify: true, breaks: true })),
  );
  return (await parser).render(text);
}

function configure(markdown: MarkdownIt): MarkdownIt {
  markdown.enable([...RULES]);
  // Only whole URLs: `example.org` may be a value that users are to type.
  markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
  markdown.validateLink = (url) => /^(?:https?:\/\/|mailto:)/i.test(url);
  markdown.renderer.rules.link_open = (tokens, index, options, _environment, renderer) => {
    tokens[index]?.attrSet('target', '_blank');
    tokens[index]?.attrSet('rel', 'noopener noreferrer');
    return renderer.renderToken(tokens, index, options);
  };
  markdown.renderer.rules.link_close = () => '<span class="spoken"> (opens in a new tab)</span></a>';
  return markdown;
}
