/** What a method of several routes, fine-grained AdvProp, feeds them with. */
import type { ViewSource } from "../../data/loading/view-sources.js";
import { MAIN_ROUTE } from "../../nn/context.js";

/** What a route is fed with. */
export interface RouteFeed {
  /** The view of the images that it takes. */
  readonly source: ViewSource;
  /** Whether they are attacked first, through the route's own norms. */
  readonly attacked: boolean;
  /** What its loss counts in the sum. */
  readonly weight: number;
}

/** The feeds of all routes by their names, {@link MAIN_ROUTE} among them. */
export type RouteFeeds = Readonly<Record<string, RouteFeed>>;

/**
 * Fine-grained AdvProp of Xie et al. 2020, https://arxiv.org/abs/1911.09665: plain images, which are cropped and mirrored,
 * AutoAugment-ed ones and adversarial ones, each through norms of their own. From which images the paper makes the adversarial ones is
 * not known to us; here they are the plain ones.
 */
export const FINE_GRAINED_ROUTES: RouteFeeds = {
  [MAIN_ROUTE]: { source: "weak", attacked: false, weight: 1 },
  autoaugment: { source: "strong", attacked: false, weight: 1 },
  adversarial: { source: "weak", attacked: true, weight: 1 },
};

/** The views that routes take, each once, in the order of the routes that take them first. */
export const viewsOf = (routes: RouteFeeds): ViewSource[] => [
  ...new Set(Object.values(routes).map(({ source }) => source)),
];
