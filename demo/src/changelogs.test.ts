import { expect, test } from 'vitest';
import { parseChangelog } from './changelogs.ts';

const changelog = `valkey (8.1.1+dfsg1-3+deb13u3) trixie-security; urgency=medium

  * Fix CVE-2026-56684 (Closes: #1144956)
    A use-after-free that can crash the server.

 -- Lena Voytek <lena@debian.org>  Sat, 24 Oct 2026 10:19:26 -0500

valkey (8.1.1+dfsg1-3) unstable; urgency=medium

  * Rebuild.

 -- Lena Voytek <lena@debian.org>  Sat, 03 Oct 2026 10:19:26 -0500
`;

test('entries come newest first, without header and signature', () => {
  expect(parseChangelog(changelog)).toEqual([
    {
      package: 'valkey',
      version: '8.1.1+dfsg1-3+deb13u3',
      text: '* Fix CVE-2026-56684 (Closes: #1144956)\n    A use-after-free that can crash the server.',
    },
    { package: 'valkey', version: '8.1.1+dfsg1-3', text: '* Rebuild.' },
  ]);
});

test('an entry that is cut off is left out', () => {
  expect(parseChangelog('valkey (1) unstable; urgency=low\n\n  * half')).toEqual([]);
});
