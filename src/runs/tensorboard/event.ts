/**
 * Encodes events of TensorBoard. Messages and field numbers are those of tensorflow/core/util/event.proto and
 * tensorflow/core/framework/summary.proto. Only the fields that are written here are defined.
 */
import protobuf from "protobufjs";

const field = (type: string, id: number) => ({ type, id });

const Message = protobuf.Root.fromJSON({
  nested: {
    Event: {
      fields: {
        wallTime: field("double", 1),
        step: field("int64", 2),
        fileVersion: field("string", 3),
        summary: field("Summary", 5),
        sessionLog: field("SessionLog", 7),
      },
    },
    Summary: { fields: { value: { rule: "repeated", type: "Value", id: 1 } } },
    Value: {
      // In a oneof, the given field is written even if it is zero.
      oneofs: { value: { oneof: ["simpleValue", "image"] } },
      fields: { tag: field("string", 1), simpleValue: field("float", 2), image: field("Image", 4) },
    },
    Image: {
      fields: {
        height: field("int32", 1),
        width: field("int32", 2),
        colorspace: field("int32", 3),
        encodedImageString: field("bytes", 4),
      },
    },
    SessionLog: { fields: { status: field("int32", 1) } },
  },
}).lookupType("Event");

/** SessionLog.SessionStatus */
export const SESSION_START = 1;

export interface EncodedImage {
  readonly height: number;
  readonly width: number;
  /** Channels: 3 is RGB. */
  readonly colorspace: number;
  /** A PNG or JPEG. */
  readonly encodedImageString: Uint8Array;
}

/** One event. Only one of `fileVersion`, `summary` and `sessionLog` can be set. */
export interface Event {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step?: number;
  readonly fileVersion?: string;
  readonly summary?: {
    readonly value: readonly { readonly tag: string; readonly simpleValue?: number; readonly image?: EncodedImage }[];
  };
  readonly sessionLog?: { readonly status: number };
}

export const encodeEvent = (event: Event): Uint8Array => Message.encode(Message.fromObject(event)).finish();

/** The inverse of {@link encodeEvent}. Missing fields are left out. */
export const decodeEvent = (bytes: Uint8Array): Event =>
  Message.toObject(Message.decode(bytes), { longs: Number }) as Event;
