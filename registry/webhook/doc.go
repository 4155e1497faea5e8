// Package webhook tells enterprises over HTTP what has changed of their own, as Standard Webhooks
// (standardwebhooks.com) says.
//
// # A message
//
//	POST /hook HTTP/1.1
//	Content-Type: application/json
//	Webhook-Id: msg_5m7xq2d4kz3vnb6yh2r4t6a8ce
//	Webhook-Timestamp: 1792060800
//	Webhook-Signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=
//
//	{"type":"identifier.created","timestamp":"2026-10-14T08:00:00.123Z","data":{"items":[
//	  {"id":"88.101.5/pump-42","scheme":"handle","namespace":"88.101.5","version":1,"state":"active","time":"2026-10-14T08:00:00.123Z"}]}}
//
// Types are those of registry.WebhookEvents, and webhook.test. A message always has data.items: the
// changes of one type that followed one another within one second, at most [MaxItems]; so a night's import
// of a million rows is ten thousand messages. Values of records are not told: who needs them reads them
// with a key of its own.
//
//	identifier.*        id, scheme, namespace, version, state, time, template, reason, successor: as they were at that version
//	prefix.changed      id (the prefix), scheme, version, state, mode, reason, time: as they are when the message is sent
//	template.changed    id (its name), scheme, namespace, version, state (deleted: it is gone), revision, time: likewise
//	enterprise.changed  id, version, state, time: likewise
//
// A prefix that goes to another enterprise is told to that one.
//
// # What a receiver does
//
//   - It takes the body as the octets that came, before any JSON parser, and computes HMAC-SHA256 over
//     id "." timestamp "." body, with the octets whose base64 stands behind "whsec_" in the secret as the key.
//     One of the signatures in Webhook-Signature, which are separated by blanks, must be "v1," and the base64
//     of that, compared in constant time. After a rotation there are two.
//   - It refuses a timestamp that is more than five minutes from its clock.
//   - It keeps the Webhook-Id for some days and takes a message with one that it has seen as done: a message
//     comes at least once, again if an answer was lost or the node restarted. The id is made of the webhook and
//     the places of the changes in the change log, so it is the same in a replay. Of an identifier the
//     version tells, too, which news is the newer one.
//   - It answers 2xx within 15 seconds, and does its work afterwards.
//
// Libraries that do this are listed at standardwebhooks.com; package standardwebhooks is one in Go.
//
// # Delivery
//
// Messages of a webhook go one after the other in the order of the change log, each until it is
// delivered. An answer outside 2xx, redirects included, is a failure; it is tried again after 5 seconds,
// then twice as long each time, up to an hour, a fifth more or less; Retry-After is followed from 5 seconds to
// 6 hours. After Options.GiveUp of failures, or 410 Gone, the webhook is disabled and says why. Enabled
// again it goes on where it was, as far as the change log still reaches; what was skipped stands
// among its deliveries. A slow or dead receiver delays nobody else: each webhook has its cursor, and who is slow
// or fails shares half of the places for requests.
//
// The messages of one second leave when it is over, so that their ids do not depend on when they were
// looked for. A single change is told within about a second and a half.
//
// Who may be reached is said by package egress. One process sends: with several nodes on one store
// only one may Run.
package webhook
