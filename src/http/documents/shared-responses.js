// Folds the responses that all tools have in common into one line, so that what differs is seen: a plugin for Swagger UI.
(() => {
  const isError = (status) => !/^2/.test(status);
  const operationsOf = (spec) => Object.values(spec.paths ?? {}).flatMap((item) => Object.values(item));

  /** Status and description of the errors that every operation of the document names alike. */
  const sharedErrors = (spec) => {
    const [first, ...others] = operationsOf(spec).map(({ responses = {} }) => responses);
    const shared = Object.entries(first ?? {}).filter(
      ([status, response]) =>
        isError(status) && others.every((other) => JSON.stringify(other[status]) === JSON.stringify(response)),
    );
    return shared.map(([status, response]) => {
      const name = String(response.$ref ?? '')
        .split('/')
        .at(-1);
      return { status, description: response.description ?? spec.components?.responses?.[name]?.description ?? '' };
    });
  };

  window.sharedResponses = (spec) => {
    const shared = sharedErrors(spec);
    const statuses = new Set(shared.map(({ status }) => status));
    const fold = (create) =>
      create(
        'details',
        { className: 'shared-responses' },
        create('summary', null, `${shared.length} errors that every tool can return`),
        create(
          'ul',
          null,
          shared.map(({ status, description }) =>
            create('li', { key: status }, create('b', null, status), ` ${description}`),
          ),
        ),
      );
    return {
      wrapComponents: {
        response:
          (Original, { React }) =>
          (props) =>
            statuses.has(String(props.code)) ? null : React.createElement(Original, props),
        responses:
          (Original, { React }) =>
          (props) => {
            const create = React.createElement;
            return create(React.Fragment, null, create(Original, props), shared.length > 0 ? fold(create) : null);
          },
      },
    };
  };
})();
