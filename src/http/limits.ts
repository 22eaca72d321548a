/** Every bound of a request, with what happens beyond it. */
export interface HttpLimits {
  /** Bytes of a request target. Beyond: 414 `uri_too_long`. Default 8,192, which RFC 9110 (4.1) asks for at least. */
  target: number
  /** Bytes of target, names and values of the header together. Beyond: 431 `headers_too_large`. Default 16 KiB. */
  header: number
  /** Header fields. Beyond: 431 `headers_too_large`. Default 100; browsers behind proxies send some 30. */
  headerFields: number
  /** Bytes of a body. Beyond: 413 `body_too_large`. Default 1 MiB. */
  body: number
  /** Levels of nesting in a JSON body. Beyond: 400 `malformed_json`. Default 64; JSON fields may nest as deep. */
  jsonDepth: number
  /** Parameters of a query string. Beyond: 400 `invalid_query`. Default 200. */
  queryParameters: number
  /** Milliseconds until the header is there. Beyond: 408 `request_timeout` and the connection closes. Default 10,000. */
  headerTimeout: number
  /** Milliseconds until the whole request is there. Beyond: 408 `request_timeout`. Default 30,000. */
  requestTimeout: number
  /**
   * Milliseconds that a connection may wait for its next request. Default 72,000: longer than the 60 s after which
   * common load balancers close theirs, so that it is never us who close one on which a request is under way. Noticed
   * up to an eighth later.
   */
  keepAlive: number
  /** Milliseconds that a request may take once it is there. Beyond: 503 `deadline_exceeded`. Default 10,000. */
  deadline: number
  /** Milliseconds that a form with files may take to arrive, whatever `requestTimeout` is. Beyond: 408. Default 600,000. */
  uploadTimeout: number
  /**
   * Bytes a second that a form with files must bring, counted over each `requestTimeout`: with 100 of them a few slow clients
   * would hold all places. Below: 408 `request_timeout`. Default 1,024, which the slowest phones reach many times over.
   */
  uploadRate: number
  /** Forms with files that may arrive at once. Beyond: 503 `overloaded`. Default 100. */
  uploads: number
  /** Answers that may be streamed at once: events, lines, files. Beyond: 503 `overloaded`. Default 10,000. */
  streams: number
  /** Milliseconds that a client may read nothing of an answer that waits for it. Beyond: it is cut. Default 60,000. */
  streamStall: number
}

export const defaultLimits: HttpLimits = {
  target: 8192,
  header: 16_384,
  headerFields: 100,
  body: 1_048_576,
  jsonDepth: 64,
  queryParameters: 200,
  headerTimeout: 10_000,
  requestTimeout: 30_000,
  keepAlive: 72_000,
  deadline: 10_000,
  uploadTimeout: 600_000,
  uploadRate: 1024,
  uploads: 100,
  streams: 10_000,
  streamStall: 60_000,
}
