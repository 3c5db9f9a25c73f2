// Finds tools by name, title and description, in closed groups too: a plugin for Swagger UI, whose own filter knows paths.
(() => {
  const wordsOf = (phrase) =>
    phrase
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');

  const textOf = (entry, group) =>
    [
      group,
      entry.get('path'),
      ...['operationId', 'summary', 'description'].map((key) => entry.getIn(['operation', key])),
    ]
      .join('\n')
      .toLowerCase();

  const opsFilter = (groups, phrase) => {
    const words = wordsOf(phrase);
    return groups
      .map((group, name) =>
        group.update('operations', (operations) =>
          operations.filter((entry) => {
            const text = textOf(entry, name);
            return words.every((word) => text.includes(word));
          }),
        ),
      )
      .filter((group) => group.get('operations').size > 0);
  };

  /** What is found is shown. */
  const openFound =
    (original, { specSelectors, layoutActions }) =>
    (phrase) => {
      const result = original(phrase);
      if (wordsOf(phrase).length > 0) {
        for (const group of specSelectors.taggedOperations().keys())
          layoutActions.show(['operations-tag', group], true);
      }
      return result;
    };

  const FilterContainer =
    (_original, { React }) =>
    ({ layoutSelectors, layoutActions }) => {
      const phrase = layoutSelectors.currentFilter();
      if (phrase === false) return null;
      return React.createElement('input', {
        className: 'operation-filter-input',
        type: 'search',
        placeholder: 'Filter tools',
        'aria-label': 'Filter tools',
        value: typeof phrase === 'string' ? phrase : '',
        onChange: (event) => layoutActions.updateFilter(event.target.value),
      });
    };

  window.toolFilter = {
    fn: { opsFilter },
    wrapComponents: { FilterContainer },
    statePlugins: { layout: { wrapActions: { updateFilter: openFound } } },
  };
})();
