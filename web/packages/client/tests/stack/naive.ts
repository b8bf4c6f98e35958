/** A client without resume, to show that the histories would notice: it takes what comes, and never looks back. */

import { ParleyClient, type ClientOptions } from "../../src/index.ts";

export class NaiveClient extends ParleyClient {
  constructor(options: ClientOptions) {
    super(options);
    const feed = this.feed as any;
    const recover = feed.recover.bind(feed);
    let begun = false;
    feed.recover = async () => {
      if (begun) return;
      begun = true;
      await recover();
    };
    feed.offer = ({ to, events }: any) => {
      if (feed.ranges.seq === null) return;
      feed.ranges.seq = to;
      feed.apply(events);
    };
    feed.disconnected = () => {};
    Object.defineProperty(feed.ranges, "gap", { value: false });
    Object.defineProperty(feed.ranges, "cursor", { value: null });
  }
}
