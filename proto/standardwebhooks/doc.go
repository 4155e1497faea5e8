// Package standardwebhooks signs and verifies messages as the Standard Webhooks specification 1.0.0
// says (standardwebhooks.com): HMAC-SHA256 over id, time and body, with secrets that both sides have.
package standardwebhooks
