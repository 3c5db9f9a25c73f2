// Shows the document that the page names in `data-document-url` with ReDoc, in the system's fonts and colours.
(() => {
  const root = document.getElementById('redoc');
  const documentUrl = new URL(root.dataset.documentUrl, location.href);
  const system = 'system-ui, sans-serif';
  const mono = 'ui-monospace, monospace';

  const typography = {
    fontFamily: system,
    headings: { fontFamily: system },
    code: { fontFamily: mono },
  };
  const dark = {
    colors: {
      primary: { main: '#5cc2a0' },
      text: { primary: '#e6e8ea', secondary: '#a9b0b7' },
      border: { dark: '#454c54', light: '#2b3138' },
      gray: { 50: '#1b2025', 100: '#262c33' },
      success: { main: '#5cc28a' },
      error: { main: '#ff8a80' },
      responses: {
        success: { color: '#5cc28a', backgroundColor: '#17261f' },
        error: { color: '#ff9c94', backgroundColor: '#2b1b1c' },
      },
    },
    schema: { nestedBackground: '#171b20', linesColor: '#454c54', typeNameColor: '#a9b0b7', typeTitleColor: '#a9b0b7' },
    sidebar: { backgroundColor: '#171b20', textColor: '#d5d9dd' },
    rightPanel: { backgroundColor: '#0d1013' },
    codeBlock: { backgroundColor: '#171b20' },
  };
  const light = {
    colors: { primary: { main: '#1f6f54' } },
    rightPanel: { backgroundColor: '#20262c' },
  };

  const show = (spec) => {
    const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
    const scheme = isDark ? dark : light;
    const code = { ...typography.code, ...(isDark ? { color: '#ffb3ab', backgroundColor: '#262c33' } : {}) };
    const links = { color: isDark ? '#5cc2a0' : '#1f6f54' };
    const options = {
      sanitize: true,
      nativeScrollbars: true,
      hideDownloadButtons: false,
      downloadUrls: [{ title: 'openapi.json', url: documentUrl.href }],
      theme: { ...scheme, typography: { ...typography, code, links } },
    };
    Redoc.init(spec, options, root);
  };

  loadDocument(root, documentUrl, show);
})();
