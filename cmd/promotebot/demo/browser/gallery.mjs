// The gallery in a browser: every state of a card, on a phone and on a desk. Nothing may have to be scrolled sideways, and
// whatever there is has to be drawn. With PROMOTEBOT_SCREENSHOTS, it leaves pictures in that directory, of some exhibits each.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const { GALLERY_URL, CHROMIUM, PROMOTEBOT_SCREENSHOTS } = process.env;
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

const TOGETHER = 6; // exhibits in a picture: more are higher than can be drawn

// A picture of a long page takes long, whatever is cut out of it: what is not in it is taken away meanwhile.
async function shoot(page, n) {
  for (let i = 0; i < n; i += TOGETHER) {
    const clip = await page.evaluate(([from, to]) => {
      const all = [...document.querySelectorAll('.exhibit')];
      all.forEach((e, at) => { e.style.display = at < from || at >= to ? 'none' : ''; });
      const top = all[from].getBoundingClientRect().top + scrollY;
      return { x: 0, y: top, width: document.documentElement.clientWidth, height: all[Math.min(to, all.length) - 1].getBoundingClientRect().bottom + scrollY - top };
    }, [i, i + TOGETHER]);
    await page.screenshot({ path: `${PROMOTEBOT_SCREENSHOTS}/gallery-${clip.width}-${String(i / TOGETHER + 1).padStart(2, '0')}.png`, fullPage: true, clip });
  }
}

try {
  for (const [width, scheme] of [[390, 'light'], [1280, 'dark']]) {
    const page = await browser.newPage({ viewport: { width, height: 844 }, colorScheme: scheme });
    const complaints = [];
    page.on('console', (m) => m.type() === 'error' && complaints.push(`${m.text()} ${m.location().url}`));
    page.on('pageerror', (e) => complaints.push(String(e)));
    await page.goto(GALLERY_URL);
    const exhibits = page.locator('.exhibit');
    const n = await exhibits.count();
    assert(n > 90, `${n} exhibits`);
    assert.equal(await page.locator('.unsupported').count(), 0, 'something is not drawn');
    const wide = await page.evaluate(() => [...document.querySelectorAll('.exhibit')].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.id));
    assert.deepEqual(wide, [], `at ${width} these are wider than the page`);
    assert.deepEqual(complaints, []);
    if (PROMOTEBOT_SCREENSHOTS) await shoot(page, n);
    console.log(`ok: ${n} at ${width}`);
    await page.close();
  }
} catch (e) {
  console.log(e);
  process.exitCode = 1;
} finally {
  await browser.close();
}
