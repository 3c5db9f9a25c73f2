// Shows the document that the page names in `data-document-url` with Swagger UI.
(() => {
  const root = document.getElementById('swagger-ui');
  const documentUrl = new URL(root.dataset.documentUrl, location.href);
  const many = 8;

  const prefersDark = matchMedia('(prefers-color-scheme: dark)');
  const applyScheme = () => document.documentElement.classList.toggle('dark-mode', prefersDark.matches);
  prefersDark.addEventListener('change', applyScheme);
  applyScheme();

  const show = (spec) => {
    const toolCount = Object.keys(spec.paths ?? {}).length;
    // The page was reached at an address that works, whatever a proxy in between strips; the document may name another.
    spec.servers = [{ url: new URL('.', documentUrl).href.replace(/\/$/, '') }];
    SwaggerUIBundle({
      spec,
      domNode: root,
      presets: [SwaggerUIBundle.presets.apis],
      layout: 'BaseLayout',
      deepLinking: true,
      filter: toolCount > many,
      docExpansion: (spec.tags ?? []).length > 1 && toolCount > many ? 'none' : 'list',
      defaultModelsExpandDepth: -1,
      displayRequestDuration: true,
      persistAuthorization: false,
      validatorUrl: null,
    });
  };

  loadDocument(root, documentUrl, show);
})();
