// The judge: a person in a browser who goes through the demo's story, by what can be seen and reached on the page. It knows
// nothing of the bot but the address of the demo. With PROMOTEBOT_SCREENSHOTS, it leaves pictures in that directory.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const { DEMO_URL, CHROMIUM, PROMOTEBOT_SCREENSHOTS } = process.env;
const WITHIN = 30_000; // what takes longer has not happened
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, permissions: ['clipboard-read', 'clipboard-write'] });
context.setDefaultTimeout(WITHIN);
const page = await context.newPage();

const complaints = []; // of the browser
page.on('console', (m) => m.type() === 'error' && complaints.push(`${m.text()} ${m.location().url}`));
page.on('pageerror', (e) => complaints.push(String(e)));

const feed = page.locator('#feed'), panel = page.getByRole('complementary', { name: 'Guide' }), modal = page.locator('#modal');
const cards = (app) => feed.locator('> .message').filter({ has: page.getByRole('heading', { name: new RegExp(`^${app}: `) }) });
const card = (app) => cards(app).last(); // the newest
const says = (place, text) => place.getByText(text).first().waitFor();
const be = (name) => page.getByRole('radio', { name: new RegExp(`^${name}`) }).check();
const privately = feed.locator('.private');

async function until(what, is) {
  for (const deadline = Date.now() + WITHIN; !(await is()); await page.waitForTimeout(50)) assert(Date.now() < deadline, `not within ${WITHIN} ms: ${what}`);
}

async function approve(app) {
  await card(app).getByRole('button', { name: 'Approve' }).click();
  const sure = page.getByRole('dialog', { name: `Approve ${app} for production?` });
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Not yet', 'a confirmation begins at what changes nothing');
  await sure.getByRole('button', { name: 'Approve' }).click();
}

// answered waits for a further private answer, and that it can be seen without scrolling.
async function answered(before) {
  await until('a private answer', async () => (await privately.count()) > before);
  await until('it can be seen', () => privately.last().evaluate((e) => {
    const { top, bottom } = e.getBoundingClientRect(), { top: from, bottom: to } = document.querySelector('#feed').getBoundingClientRect();
    return top >= from && bottom <= to;
  }));
}

// shoot takes a picture, in the light and in the dark.
async function shoot(name) {
  if (!PROMOTEBOT_SCREENSHOTS) return;
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${PROMOTEBOT_SCREENSHOTS}/${name}-${colorScheme}.png` });
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

// fits says that nothing has to be scrolled sideways.
async function fits(what) {
  const { width, wide } = await page.evaluate(() => ({
    width: document.documentElement.clientWidth,
    wide: [...document.querySelectorAll('html, body, #feed, #panel, dialog[open]')].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => `${e.id || e.tagName} ${e.scrollWidth}`),
  }));
  assert.deepEqual(wide, [], `${what} does not fit into ${width} pixels`);
}

const steps = {
  async 'a candidate arrives, and its soak counts down'() {
    await page.goto(DEMO_URL);
    await card('payments').waitFor();
    await panel.getByRole('button', { name: 'Push a new build of payments' }).click();
    await until('a second card is there', async () => (await cards('payments').count()) === 2);
    await says(card('payments'), /^Soaking/);
    const left = card('payments').locator('time[data-format="{ago}"]').first(), before = await left.textContent();
    await until('the countdown moves', async () => (await left.textContent()) !== before);
    await shoot('1-arrived');
  },
  async 'a click without a role is refused, and only who clicked is told'() {
    await be('Sam');
    await approve('payments');
    await says(privately, 'takes a role');
    await shoot('2-refused');
    await card('handbook').evaluate((e) => e.scrollIntoView());
    const before = await privately.count();
    await approve('handbook');
    await answered(before);
    await says(privately.last(), 'takes a role');
    await be('Ann');
    await until('Ann does not see it', async () => (await privately.count()) === 0);
  },
  async 'one click promotes where the policy asks for no more'() {
    await approve('handbook');
    await says(card('handbook'), /^Promoted/);
    const handbook = panel.locator('section').filter({ has: page.getByRole('heading', { name: 'handbook' }) });
    await says(handbook, 'Both tags point at the same digest.');
  },
  async 'approvals add up, also while it soaks'() {
    await approve('payments');
    await says(card('payments'), '1 of 3');
    await be('Bob');
    await approve('payments');
    await says(card('payments'), '2 of 3');
    await shoot('3-adding-up');
  },
  async 'the soak ends by itself, and the last approval promotes'() {
    const replies = card('payments').locator('.replies');
    await says(replies, /^Soak complete/);
    await be('Eve');
    await approve('payments');
    await says(card('payments'), /^Promoted/);
    for (const who of ['Ann', 'Bob', 'Eve']) await says(replies, new RegExp(`${who} approved`));
    const payments = panel.locator('section').filter({ has: page.getByRole('heading', { name: 'payments' }) });
    await says(payments, 'Both tags point at the same digest.');
    const digests = await payments.locator('td code').allTextContents();
    assert.match(digests[0], /^sha256:[0-9a-f]{64}$/);
    assert.equal(digests[0], digests[1]);
    await payments.getByRole('button', { name: 'Copy command' }).click();
    await says(payments, 'Copied');
    await payments.getByRole('button', { name: 'Copy command for payments' }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `crane digest ${new URL(DEMO_URL).host}/acme/payments:production`);
    await shoot('4-promoted');
  },
  async 'why something is stuck is answered privately'() {
    await panel.getByRole('button', { name: '/promote why search' }).click();
    await page.keyboard.press('Enter');
    await says(privately, 'never moved');
    const box = page.getByLabel('Command');
    await until('the box is ready for the next command', async () => (await box.inputValue()) === '/promote ');
    await shoot('5-why');
  },
  async 'what is no command is explained beside the box'() {
    const box = page.getByLabel('Command');
    await box.fill('hello');
    await box.press('Enter');
    await says(page.locator('#trouble'), 'for example: /promote help');
    await box.fill('/promote list');
    await box.press('Enter');
    await says(privately, 'Open promotions');
    await page.locator('#trouble').waitFor({ state: 'hidden' });
    assert.match(complaints.pop(), /409 .*\/do\/command$/, 'the browser notes what was refused');
  },
  async 'a new build takes the place of the one before'() {
    await panel.getByRole('button', { name: 'Push a new build of search' }).click();
    await says(card('search'), /^Waiting for approvals/);
    await says(feed, /^search: .*, superseded$/);
  },
  async 'a rejection takes a reason'() {
    await be('Bob');
    await card('search').getByRole('button', { name: 'Reject' }).click();
    const reason = modal.getByLabel('Reason');
    await until('the cursor is where the reason goes', () => reason.evaluate((e) => e === document.activeElement));
    await reason.fill('    ');
    await modal.getByRole('button', { name: 'Reject' }).click();
    await says(modal.getByRole('alert'), /^Say it in a few words/);
    assert.equal(await reason.getAttribute('aria-invalid'), 'true');
    assert.equal(await reason.inputValue(), '    ', 'what was typed is kept');
    await shoot('6-refused-reason');
    await reason.fill('the index is stale');
    await modal.getByRole('button', { name: 'Reject' }).click();
    await modal.waitFor({ state: 'hidden' });
    await says(card('search'), /^Rejected/);
    await says(card('search'), /the index is stale/);
  },
  async 'the details begin at their beginning, and Escape closes them'() {
    await card('payments').getByRole('button', { name: 'Details' }).click();
    await page.getByRole('dialog', { name: 'Details' }).waitFor();
    assert.equal(await modal.evaluate((e) => e.scrollTop), 0);
    await shoot('7-details');
    await page.keyboard.press('Escape');
    await modal.waitFor({ state: 'hidden' });
  },
  async 'what belongs together goes together'() {
    for (const app of ['handbook', 'search']) {
      await panel.getByRole('button', { name: `Push a new build of ${app}` }).click();
      await says(card(app), /^Waiting for approvals/);
    }
    await be('Bob');
    await panel.getByRole('button', { name: '/promote request site' }).click();
    await page.keyboard.press('Enter');
    await says(card('site'), 'What goes together');
    await be('Ann');
    await card('site').scrollIntoViewIfNeeded();
    await shoot('8-train');
    await approve('site');
    await says(card('site'), /^Promoted/);
  },
  async 'what fails where it is deployed is decided by people'() {
    await panel.getByRole('button', { name: 'Make it fail' }).click();
    await panel.getByRole('button', { name: 'Push a new build of payments' }).click();
    await says(card('payments'), /^Soaking/);
    for (const who of ['Ann', 'Bob', 'Eve']) {
      await be(who);
      await approve('payments');
      await says(card('payments').locator('.replies'), new RegExp(`${who} approved`));
    }
    await says(card('payments'), /^Failing/);
    await card('payments').scrollIntoViewIfNeeded();
    await shoot('9-failing');
    await card('payments').getByRole('button', { name: 'Keep' }).click();
    await modal.getByLabel('Reason').fill('a fix is on its way');
    await modal.getByRole('button', { name: 'Keep' }).click();
    await modal.waitFor({ state: 'hidden' });
    await says(card('payments'), /kept it although/);
    await panel.getByRole('button', { name: 'Make it work again' }).click();
  },
  async 'everything there is to try has been ticked off'() {
    const left = () => panel.locator('li:not(.done)').allTextContents();
    await until('nothing is left', async () => (await left()).length === 0);
    await panel.evaluate((e) => { e.scrollTop = 0; });
    await shoot('10-all-tried');
  },
  async 'a redrawn card leaves the focus where it was'() {
    await panel.getByRole('button', { name: 'Push a new build of handbook' }).click();
    await says(card('handbook'), /^Waiting for approvals/);
    const details = card('handbook').getByRole('button', { name: 'Details' });
    await details.focus();
    const before = await details.getAttribute('data-block');
    await page.request.post(`${DEMO_URL}do/command`, { headers: { Origin: new URL(DEMO_URL).origin }, data: { as: 'U0DAN', text: '/promote approve handbook' } });
    await says(card('handbook'), /^Promoted/);
    await until('the card is drawn anew', async () => (await details.getAttribute('data-block')) !== before);
    assert(await details.evaluate((e) => e === document.activeElement), 'the focus is lost');
  },
  async 'a home shows what waits for whom, and decides there'() {
    await page.request.post(`${DEMO_URL}do/panel`, { headers: { Origin: new URL(DEMO_URL).origin }, data: { action: 'push', arg: 'search' } });
    await be('Sam');
    await page.getByRole('button', { name: 'Home', exact: true }).click();
    await says(feed, /^Nothing: no approval/);
    await be('Bob');
    const waits = feed.locator('.section', { hasText: 'search' }).filter({ hasText: 'Waiting for approvals' }).first();
    await waits.waitFor();
    await shoot('11-home');
    const had = await feed.getByRole('button', { name: 'Approve' }).count();
    await feed.getByRole('button', { name: 'Approve' }).last().click();
    await page.locator('#confirm').getByRole('button', { name: 'Approve' }).click();
    await until('it waits for Bob no more', async () => (await feed.getByRole('button', { name: 'Approve' }).count()) < had);
    await says(feed, /approval of search/);
    await page.getByRole('button', { name: 'Messages', exact: true }).click();
    await page.getByRole('heading', { name: 'promotebot: Messages' }).waitFor();
    await page.getByRole('button', { name: 'Channel', exact: true }).click();
    await says(card('search'), /^Promoted/);
  },
  async 'all of it fits a phone'() {
    for (const width of [390, 320]) {
      await page.setViewportSize({ width, height: 844 });
      await fits('the channel');
      await page.getByRole('button', { name: 'Guide' }).click();
      await panel.waitFor();
      await fits('the guide');
      await panel.evaluate((e) => { e.scrollTop = 0; });
      if (width === 390) await shoot('12-phone-guide');
      for (const place of ['Home', 'Messages', 'Channel']) {
        await page.getByRole('button', { name: place, exact: true }).click();
        await panel.waitFor({ state: 'hidden' });
        if (place === 'Home') await says(feed, 'What is where');
        await fits(place);
        if (width === 390 && place === 'Home') await shoot('13-phone-home');
      }
    }
    await page.setViewportSize({ width: 390, height: 844 });
    await page.request.post(`${DEMO_URL}do/panel`, { headers: { Origin: new URL(DEMO_URL).origin }, data: { action: 'push', arg: 'payments' } });
    await says(card('payments'), /^Soaking/);
    await page.mouse.move(5, 400);
    await card('payments').evaluate((e) => e.scrollIntoView());
    await shoot('14-phone-card');
    await be('Sam');
    await card('payments').getByRole('button', { name: 'Approve' }).click();
    await fits('the confirmation');
    await shoot('15-phone-confirmation');
    const before = await privately.count();
    await page.locator('#confirm').getByRole('button', { name: 'Approve' }).click();
    await answered(before);
    await shoot('16-phone-refused');
    await be('Bob');
    await card('payments').getByRole('button', { name: 'Details' }).click();
    await modal.waitFor();
    await fits('the details');
    await shoot('17-phone-details');
    await modal.getByRole('button', { name: 'Close' }).click();
    await modal.waitFor({ state: 'hidden' });
  },
  async 'the browser had nothing to complain about'() {
    assert.deepEqual(complaints, []);
  },
};

try {
  for (const [name, step] of Object.entries(steps)) {
    await step();
    console.log(`ok: ${name}`);
  }
} catch (e) {
  if (PROMOTEBOT_SCREENSHOTS) await page.screenshot({ path: `${PROMOTEBOT_SCREENSHOTS}/failed.png` });
  console.log(e);
  process.exitCode = 1;
} finally {
  await browser.close();
}
