package handle

import "strconv"

// Opcode is what a request asks for. Responses repeat it.
type Opcode uint32

const (
	OpResolve            Opcode = 1    // OC_RESOLUTION, 1
	OpGetSiteInfo        Opcode = 2    // OC_GET_SITE_INFO, 2
	OpCreateHandle       Opcode = 100  // OC_CREATE_HANDLE, 100
	OpDeleteHandle       Opcode = 101  // OC_DELETE_HANDLE, 101
	OpAddValue           Opcode = 102  // OC_ADD_VALUE, 102
	OpRemoveValue        Opcode = 103  // OC_REMOVE_VALUE, 103
	OpModifyValue        Opcode = 104  // OC_MODIFY_VALUE, 104
	OpListHandles        Opcode = 105  // OC_LIST_HANDLES, 105
	OpListDerived        Opcode = 106  // OC_LIST_DERIVED_PREFIXES, 106; DO-IRP only
	OpChallengeResponse  Opcode = 200  // OC_RESPONSE_TO_CHALLENGE, 200
	OpVerifyResponse     Opcode = 201  // OC_VERIFY_CHALLENGE, 201
	OpHomePrefix         Opcode = 300  // OC_HOME_NA, 300
	OpUnhomePrefix       Opcode = 301  // OC_UNHOME_NA, 301
	OpListHomedPrefixes  Opcode = 302  // OC_LIST_HOMED_NAS, 302
	OpSessionSetup       Opcode = 400  // OC_SESSION_SETUP, 400
	OpSessionTerminate   Opcode = 401  // OC_SESSION_TERMINATE, 401
	OpSessionExchangeKey Opcode = 402  // OC_SESSION_EXCHANGEKEY, 402
	OpNextTransaction    Opcode = 1000 // OC_GET_NEXT_TXN_ID, 1000
	OpGetTransactions    Opcode = 1001 // OC_RETRIEVE_TXN_LOG, 1001
	OpDumpHandles        Opcode = 1002 // OC_DUMP_HANDLES, 1002
	OpBackupServer       Opcode = 1003 // OC_BACKUP_SERVER, 1003
	OpLogin              Opcode = 2001 // login of the Teleinfo idpointer SDK, 2001
)

// Kind is the family of an opcode: what a server must offer to answer it.
type Kind uint8

const (
	KindUnknown   Kind = iota
	KindQuery          // resolve, get site info
	KindAdmin          // changes to handles and prefixes, and their lists
	KindChallenge      // the answer to a challenge, and its verification for another server
	KindSession        // session set-up and end, login
	KindServer         // replication and upkeep
)

// Kind returns the opcode's family.
func (o Opcode) Kind() Kind {
	switch {
	case o == OpResolve || o == OpGetSiteInfo:
		return KindQuery
	case o >= OpCreateHandle && o <= OpListDerived, o >= OpHomePrefix && o <= OpListHomedPrefixes:
		return KindAdmin
	case o == OpChallengeResponse || o == OpVerifyResponse:
		return KindChallenge
	case o >= OpSessionSetup && o <= OpSessionExchangeKey, o == OpLogin:
		return KindSession
	case o >= OpNextTransaction && o <= OpBackupServer:
		return KindServer
	}
	return KindUnknown
}

// Rcode is a response code; 0 marks a request.
type Rcode uint32

const (
	RcodeRequest              Rcode = 0   // RC_RESERVED, 0
	RcodeSuccess              Rcode = 1   // RC_SUCCESS, 1
	RcodeError                Rcode = 2   // RC_ERROR, 2
	RcodeServerTooBusy        Rcode = 3   // RC_SERVER_TOO_BUSY, 3
	RcodeProtocolError        Rcode = 4   // RC_PROTOCOL_ERROR, 4
	RcodeOperationDenied      Rcode = 5   // RC_OPERATION_NOT_SUPPORTED, 5
	RcodeRecursionLimit       Rcode = 6   // RC_RECURSION_COUNT_TOO_HIGH, 6
	RcodeServerReadOnly       Rcode = 7   // RC_SERVER_BACKUP, 7
	RcodeHandleNotFound       Rcode = 100 // RC_HANDLE_NOT_FOUND, 100
	RcodeHandleExists         Rcode = 101 // RC_HANDLE_ALREADY_EXISTS, 101
	RcodeInvalidHandle        Rcode = 102 // RC_INVALID_HANDLE, 102
	RcodeValuesNotFound       Rcode = 200 // RC_VALUES_NOT_FOUND, 200
	RcodeValueExists          Rcode = 201 // RC_VALUE_ALREADY_EXISTS, 201
	RcodeInvalidValue         Rcode = 202 // RC_INVALID_VALUE, 202
	RcodeOutOfDateSite        Rcode = 300 // RC_OUT_OF_DATE_SITE_INFO, 300
	RcodeServerNotResponsible Rcode = 301 // RC_SERVER_NOT_RESP, 301
	RcodeServiceReferral      Rcode = 302 // RC_SERVICE_REFERRAL, 302
	RcodePrefixReferral       Rcode = 303 // RC_PREFIX_REFERRAL, 303
	RcodeInvalidAdmin         Rcode = 400 // RC_INVALID_ADMIN, 400
	RcodePermissionDenied     Rcode = 401 // RC_INSUFFICIENT_PERMISSIONS, 401
	RcodeAuthNeeded           Rcode = 402 // RC_AUTHENTICATION_NEEDED, 402
	RcodeAuthFailed           Rcode = 403 // RC_AUTHENTICATION_FAILED, 403
	RcodeInvalidCredential    Rcode = 404 // RC_INVALID_CREDENTIAL, 404
	RcodeAuthTimeout          Rcode = 405 // RC_AUTHEN_TIMEOUT, 405
	RcodeUnableToAuth         Rcode = 406 // RC_AUTHEN_ERROR, 406
	RcodeSessionTimeout       Rcode = 500 // RC_SESSION_TIMEOUT, 500
	RcodeSessionFailed        Rcode = 501 // RC_SESSION_FAILED, 501
	RcodeInvalidSessionKey    Rcode = 502 // RC_INVALID_SESSION_KEY, 502
	RcodeNeedRSAKey           Rcode = 503 // RC_NEED_RSAKEY_FOR_SESSIONEXCHANGE, 503
	RcodeInvalidSessionSetup  Rcode = 504 // RC_INVALID_SESSIONSETUP_REQUEST, 504
	RcodeSessionRejected      Rcode = 505 // RC_SESSION_MESSAGE_REJECTED, 505
)

// String is the code's name for people.
func (r Rcode) String() string {
	switch r {
	case RcodeRequest:
		return "request"
	case RcodeSuccess:
		return "success"
	case RcodeError:
		return "error"
	case RcodeServerTooBusy:
		return "server too busy"
	case RcodeProtocolError:
		return "protocol error"
	case RcodeOperationDenied:
		return "operation not supported"
	case RcodeRecursionLimit:
		return "recursion count too high"
	case RcodeServerReadOnly:
		return "server is read-only"
	case RcodeHandleNotFound:
		return "handle not found"
	case RcodeHandleExists:
		return "handle already exists"
	case RcodeInvalidHandle:
		return "invalid handle"
	case RcodeValuesNotFound:
		return "values not found"
	case RcodeValueExists:
		return "value already exists"
	case RcodeInvalidValue:
		return "invalid value"
	case RcodeOutOfDateSite:
		return "out of date site info"
	case RcodeServerNotResponsible:
		return "server not responsible"
	case RcodeServiceReferral:
		return "service referral"
	case RcodePrefixReferral:
		return "prefix referral"
	case RcodeInvalidAdmin:
		return "not an administrator"
	case RcodePermissionDenied:
		return "insufficient permissions"
	case RcodeAuthNeeded:
		return "authentication needed"
	case RcodeAuthFailed:
		return "authentication failed"
	case RcodeInvalidCredential:
		return "invalid credential"
	case RcodeAuthTimeout:
		return "authentication timed out"
	case RcodeUnableToAuth:
		return "unable to authenticate"
	case RcodeSessionTimeout:
		return "session unknown or timed out"
	case RcodeSessionFailed:
		return "session failed"
	case RcodeInvalidSessionKey:
		return "invalid session key"
	case RcodeNeedRSAKey:
		return "RSA key needed"
	case RcodeInvalidSessionSetup:
		return "invalid session set-up"
	case RcodeSessionRejected:
		return "session message rejected"
	}
	return "response code " + strconv.FormatUint(uint64(r), 10)
}

// OpFlags are the flags of a header.
type OpFlags uint32

const (
	FlagAuthoritative OpFlags = 0x80000000 // AT: ask a primary; a primary answers
	FlagCertify       OpFlags = 0x40000000 // CT: sign the response
	FlagEncrypt       OpFlags = 0x20000000 // ENC: encrypt the response
	FlagRecurse       OpFlags = 0x10000000 // REC: the server may ask others; every response has it
	FlagCacheCertify  OpFlags = 0x08000000 // CA: a cache may sign for the authority
	FlagContinues     OpFlags = 0x04000000 // CN: more messages follow
	FlagKeepAlive     OpFlags = 0x02000000 // KC: keep the connection
	FlagPublicOnly    OpFlags = 0x01000000 // PO: values with public read only
	FlagDigest        OpFlags = 0x00800000 // RD: put a digest of the request in the response
	FlagOverwrite     OpFlags = 0x00400000 // overwrite existing values
	FlagMint          OpFlags = 0x00200000 // append a fresh suffix
	FlagDoNotRefer    OpFlags = 0x00100000 // DNRF: answer "not found" rather than refer
)

// Flags of the trusted query of the Chinese national stack: the idisc SDK of CAICT, flags 31 and 32. A server that
// does not know them sets neither in its answer, and the client shows "unknown".
const (
	FlagCheckTrust OpFlags = 0x00000002 // flag 31; of a request: check the trust of the answer; of an answer: it was checked
	FlagTrusted    OpFlags = 0x00000001 // flag 32; of an answer that was checked: it can be trusted
)
