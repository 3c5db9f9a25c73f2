import { describe, expect } from '@jest/globals';
import { blocksOf, documents, isNotRun } from '../document-blocks.ts';
import { quickDocuments, runDocument } from './document-session.ts';
import { test } from './harness.ts';

const hasCommands = (document: string) =>
  !quickDocuments.includes(document) && blocksOf(document).some((one) => one.language === 'sh' && !isNotRun(one));

describe('the commands in', () => {
  for (const document of documents.filter(hasCommands)) {
    test(document, async () => {
      expect((await runDocument(document)).missing).toEqual([]);
    }, 120_000);
  }
});
