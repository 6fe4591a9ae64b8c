/** Names of routes, which the user chooses. */

export const isRouteName = (name: string): boolean => /^[a-z][a-z0-9-]*$/.test(name);

/** A path of the schema for any route's name: `routes.main.weight` as `routes.*.weight`. */
export const anyRoute = (path: string): string =>
  path.replace(/^routes\.([^.]+)/, (whole, name: string) => (isRouteName(name) ? "routes.*" : whole));
