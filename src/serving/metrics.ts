/** The metrics of a server, in the text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/). */

export class ServeMetrics {
  readonly #requests = new Map<number, number>();
  #seconds = 0;
  #photos = 0;
  #batches = 0;
  /** Number of requests that are being answered. */
  active = 0;

  request(status: number, seconds: number): void {
    this.#requests.set(status, (this.#requests.get(status) ?? 0) + 1);
    this.#seconds += seconds;
  }

  batch(photos: number): void {
    this.#photos += photos;
    this.#batches++;
  }

  text(): string {
    const all = [...this.#requests.values()].reduce((a, b) => a + b, 0);
    const families: readonly [
      name: string,
      type: string,
      help: string,
      samples: readonly (readonly [string, number])[],
    ][] = [
      [
        "advprop_requests_total",
        "counter",
        "Classification requests, by status.",
        [...this.#requests].sort().map(([status, count]) => [`{status="${status}"}`, count] as const),
      ],
      ["advprop_requests_active", "gauge", "Requests that are being answered.", [["", this.active]]],
      ["advprop_request_seconds_sum", "counter", "Total duration of all requests in seconds.", [["", this.#seconds]]],
      ["advprop_request_seconds_count", "counter", "Number of requests in that sum.", [["", all]]],
      ["advprop_photos_total", "counter", "Photos classified.", [["", this.#photos]]],
      ["advprop_batches_total", "counter", "Batches run.", [["", this.#batches]]],
      ["process_resident_memory_bytes", "gauge", "Resident memory.", [["", process.memoryUsage.rss()]]],
    ];
    return families
      .flatMap(([name, type, help, samples]) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} ${type}`,
        ...samples.map(([labels, value]) => `${name}${labels} ${value}`),
      ])
      .join("\n")
      .concat("\n");
  }
}
