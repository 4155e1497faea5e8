// Package statistics counts, for each enterprise and day, what was registered, how many records there
// were at the day's end, and what was asked for: the figures of tables T3 and T8 of the national data
// dictionary (docking guide, annex 1), by day and by month.
//
// # Registrations
//
// One follower of the change log counts the changes of records, by the day at which their batch was
// applied (time zone as given, China's), by namespace, and by the enterprise that has the namespace. A
// transfer of a namespace moves the records that it holds to the new enterprise; what was counted before
// stays with the former. The record of a Handle prefix itself (0.NA/88.100.1) is no identifier of the
// enterprise and not counted.
//
// # Records held
//
// The number of records is not derived from the counters, which begin when the package first runs. It is
// counted once from a snapshot, beside the follower, and kept current by it from then on. A change that
// is in the snapshot is not counted twice: as long as the log tells of changes that may be in it, each is
// compared with the version that the snapshot has. Until that is done the number is not known, and said
// to be so. A count that broke off begins again. It is repeated when a namespace was allocated inside of
// another one that has records (OID, GS1, Ecode), as these are the new one's then.
//
// # What is stored
//
//	storage.MetaKey("statistics")              since when is counted, what is known, what was lost
//	storage.CursorKey("statistics")            how far the change log has been counted
//	storage.DayKey(CounterRegistrations, …)    of an enterprise, namespace and day: changes, and records at the end of the day
//	storage.HeldKey(namespace)                 the namespace's enterprise, and its records
//	storage.DayKey(CounterResolutions, …)      of an enterprise, namespace and day: questions, by their outcome
//	storage.MetaKey("statistics.resolutions")  how far the log of questions has been counted
//
// Counters and the place up to which they reach are one batch, so that they are exact over a crash
// anywhere. A day has a row for a namespace only if something happened in it: some 45 octets for
// registrations and as many for questions, before the store compresses them. A namespace that is used
// every day takes 31 kB a year; a thousand of them 31 MB. So rows are kept for ever.
//
// # What the change log does not tell
//
// If it was trimmed beyond the cursor (which the janitor does not do, but who restores a store may see),
// the changes in between are lost. Answers say since when they may lack some; what is held is counted anew.
package statistics
