// Shows the document that the page names in `data-document-url` with Swagger UI.
(() => {
  const root = document.getElementById('swagger-ui');
  const documentUrl = new URL(root.dataset.documentUrl, location.href);
  const serviceUrl = new URL(root.dataset.serviceUrl, location.href);
  const many = 8;

  const prefersDark = matchMedia('(prefers-color-scheme: dark)');
  const applyScheme = () => document.documentElement.classList.toggle('dark-mode', prefersDark.matches);
  prefersDark.addEventListener('change', applyScheme);
  applyScheme();

  const show = (spec) => {
    const toolCount = Object.keys(spec.paths ?? {}).length;
    const isGrouped = (spec.tags ?? []).length > 1;
    // The page was reached at an address that works, whatever a proxy in between strips; the document may name another.
    spec.servers = [{ url: new URL('.', documentUrl).href.replace(/\/$/, '') }];
    correctControls(root);
    const credentials = keptCredentials(serviceUrl.href);
    const ui = SwaggerUIBundle({
      spec,
      domNode: root,
      presets: [SwaggerUIBundle.presets.apis],
      plugins: [credentials.plugin, sharedResponses(spec), toolFilter, toolLayout],
      layout: 'ToolsLayout',
      deepLinking: true,
      filter: toolCount > 1,
      docExpansion: isGrouped && toolCount > many ? 'none' : 'list',
      defaultModelsExpandDepth: -1,
      displayRequestDuration: true,
      persistAuthorization: false,
      validatorUrl: null,
      syntaxHighlight: { activated: false },
      onComplete: () => credentials.restore(ui, spec),
    });
    addEventListener('hashchange', () => ui.layoutActions.parseDeepLinkHash(location.hash));
  };

  loadDocument(root, documentUrl, show);
})();
