package epp

import "strconv"

// Code is a result code (RFC 5730, section 3). Of its four digits the first tells success (1) or failure (2), the second
// the category.
type Code int

// The result codes of RFC 5730, section 3.
const (
	CodeOK              Code = 1000
	CodePending         Code = 1001
	CodeNoMessages      Code = 1300
	CodeMessage         Code = 1301
	CodeEnding          Code = 1500
	CodeUnknownCommand  Code = 2000
	CodeSyntax          Code = 2001
	CodeUse             Code = 2002
	CodeMissing         Code = 2003
	CodeRange           Code = 2004
	CodeValue           Code = 2005
	CodeVersion         Code = 2100
	CodeNoCommand       Code = 2101
	CodeNoOption        Code = 2102
	CodeNoExtension     Code = 2103
	CodeBilling         Code = 2104
	CodeNoRenewal       Code = 2105
	CodeNoTransfer      Code = 2106
	CodeAuthentication  Code = 2200
	CodeAuthorization   Code = 2201
	CodeAuthInfo        Code = 2202
	CodeTransferPending Code = 2300
	CodeNotTransferring Code = 2301
	CodeExists          Code = 2302
	CodeNotExists       Code = 2303
	CodeStatus          Code = 2304
	CodeAssociation     Code = 2305
	CodePolicy          Code = 2306
	CodeNoObject        Code = 2307
	CodeDataPolicy      Code = 2308
	CodeFailed          Code = 2400
	CodeFailedClosing   Code = 2500
	CodeAuthClosing     Code = 2501
	CodeSessionLimit    Code = 2502
)

// texts are the response texts of RFC 5730, section 3, in English.
var texts = map[Code]string{
	CodeOK:              "Command completed successfully",
	CodePending:         "Command completed successfully; action pending",
	CodeNoMessages:      "Command completed successfully; no messages",
	CodeMessage:         "Command completed successfully; ack to dequeue",
	CodeEnding:          "Command completed successfully; ending session",
	CodeUnknownCommand:  "Unknown command",
	CodeSyntax:          "Command syntax error",
	CodeUse:             "Command use error",
	CodeMissing:         "Required parameter missing",
	CodeRange:           "Parameter value range error",
	CodeValue:           "Parameter value syntax error",
	CodeVersion:         "Unimplemented protocol version",
	CodeNoCommand:       "Unimplemented command",
	CodeNoOption:        "Unimplemented option",
	CodeNoExtension:     "Unimplemented extension",
	CodeBilling:         "Billing failure",
	CodeNoRenewal:       "Object is not eligible for renewal",
	CodeNoTransfer:      "Object is not eligible for transfer",
	CodeAuthentication:  "Authentication error",
	CodeAuthorization:   "Authorization error",
	CodeAuthInfo:        "Invalid authorization information",
	CodeTransferPending: "Object pending transfer",
	CodeNotTransferring: "Object not pending transfer",
	CodeExists:          "Object exists",
	CodeNotExists:       "Object does not exist",
	CodeStatus:          "Object status prohibits operation",
	CodeAssociation:     "Object association prohibits operation",
	CodePolicy:          "Parameter value policy error",
	CodeNoObject:        "Unimplemented object service",
	CodeDataPolicy:      "Data management policy violation",
	CodeFailed:          "Command failed",
	CodeFailedClosing:   "Command failed; server closing connection",
	CodeAuthClosing:     "Authentication error; server closing connection",
	CodeSessionLimit:    "Session limit exceeded; server closing connection",
}

// Known reports whether c stands in RFC 5730.
func (c Code) Known() bool { return texts[c] != "" }

// Success reports whether the command was carried out, or will be.
func (c Code) Success() bool { return c >= 1000 && c < 2000 }

// Closes reports whether the server ends the session with the response.
func (c Code) Closes() bool { return c%1000 >= 500 && c%1000 < 600 }

// String is the response text of RFC 5730, or the number.
func (c Code) String() string {
	if t := texts[c]; t != "" {
		return t
	}
	return strconv.Itoa(int(c))
}
