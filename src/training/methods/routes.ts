/** The images of each route of fine-grained AdvProp. */
import type { ViewSource } from "../../data/loading/view-sources.js";
import { MAIN_ROUTE } from "../../nn/context.js";

/** The images of a route, and the weight of its loss. */
export interface RouteFeed {
  /** The view of the images. */
  readonly source: ViewSource;
  /** Whether the images are attacked first, through the batch norms of this route. */
  readonly attacked: boolean;
  /** Weight of the route's loss in the sum. */
  readonly weight: number;
}

/** The feeds of all routes by their names, {@link MAIN_ROUTE} among them. */
export type RouteFeeds = Readonly<Record<string, RouteFeed>>;

/**
 * The routes of Xie et al. 2020, https://arxiv.org/abs/1911.09665: cropped and mirrored images, AutoAugment-ed images and adversarial
 * images, each with separate batch norms. The paper does not say from which images it makes the adversarial ones; here they are made
 * from the cropped and mirrored images.
 */
export const FINE_GRAINED_ROUTES: RouteFeeds = {
  [MAIN_ROUTE]: { source: "weak", attacked: false, weight: 1 },
  autoaugment: { source: "strong", attacked: false, weight: 1 },
  adversarial: { source: "weak", attacked: true, weight: 1 },
};

/** The views of all routes without duplicates, in the order of their first use. */
export const viewsOf = (routes: RouteFeeds): ViewSource[] => [
  ...new Set(Object.values(routes).map(({ source }) => source)),
];
