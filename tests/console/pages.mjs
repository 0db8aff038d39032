// Every page of the console, in one place: what is looked at in the browser, and what `times.mjs` measures.

/** The newest entry of a list that the API has. */
async function newest(api, path, what) {
  const { items = [] } = (await api('admin', 'GET', path)) ?? {};
  return items[0]?.[what];
}

/**
 * The pages of a shop, each with a name for its pictures. `api(role, method, path)` asks the service; what a shop has none of
 * (nothing that waits, say) is left out.
 */
export async function pagesOf(api) {
  const generation = (query) => newest(api, `/v1/generations?limit=1&${query}`, 'id');
  const [passed, blocked, hostile, long, user, serve, generated, product] = await Promise.all([
    generation('outcome=passed&placement=why-this'),
    generation('outcome=blocked'),
    generation('product=x-markup&placement=why-this'),
    generation('product=x-long&placement=why-this'),
    generation('outcome=passed&placement=cta-subtext'),
    newest(api, '/v1/serves?limit=1', 'id'),
    newest(api, '/v1/serves?limit=1&source=generated', 'id'),
    newest(api, '/v1/generations?limit=1&outcome=passed', 'product'),
  ]);
  const { proposals = [] } = await api('admin', 'GET', '/v1/policy');
  const month = new Date().toISOString().slice(0, 7);
  const tried = new URLSearchParams({ placement: 'why-this', product: product ?? '', locale: 'en-GB', consent: 'yes' });
  const pages = [
    ['overview', '/console/'],
    ['approvals', '/console/approvals'],
    ['generations', '/console/generations'],
    ['generations-blocked', '/console/generations?outcome=blocked'],
    ['generations-none', '/console/generations?product=no-such-product'],
    ['generations-one-beside', passed && `/console/generations?at=${passed}`],
    ['generation', passed && `/console/generations/${passed}`],
    ['generation-blocked', blocked && `/console/generations/${blocked}`],
    ['generation-hostile', hostile && `/console/generations/${hostile}`],
    ['generation-long', long && `/console/generations/${long}`],
    ['generation-to-approve', user && `/console/generations/${user}`],
    ['serves', '/console/serves'],
    ['serve', serve && `/console/serves/${serve}`],
    ['serve-generated', generated && `/console/serves/${generated}`],
    ['compliance', '/console/compliance'],
    ['proposal', proposals[0] && `/console/compliance/proposals/${encodeURIComponent(proposals[0].hash)}`],
    ['rules', '/console/compliance/rules'],
    ['rule', '/console/compliance/rules/compliance.figures'],
    ['placements', '/console/compliance/placements'],
    ['segments', '/console/compliance/segments'],
    ['stops', '/console/compliance/stops'],
    ['evidence', '/console/compliance/evidence'],
    ['editions', '/console/compliance/editions'],
    ['sweep', '/console/compliance/sweep'],
    ['shadow', '/console/compliance/shadow'],
    ['try-it', '/console/try'],
    ['try-it-one', `/console/try?${tried}`],
    ['reports', `/console/reports?month=${month}`],
    ['glossary', '/console/glossary'],
  ];
  return pages.filter(([, path]) => path).map(([name, path]) => ({ name, path }));
}
