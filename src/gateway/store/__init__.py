"""I/O with what outlives a process: the database, the shared store, what receipts are sent to.

database  connection sqlite postgres places versions   where it lies, how it is opened and kept
ledger    scribe journal roll rows calls               a row for each call, by a thread of its own
reading   usage own_usage spent recall reconcile_*     what the ledger says
keys                                                   virtual keys, and who learns of changes
audit                                                  what was done on the operator's site
shared    link line valkey address packing             one connection to Valkey or Redis
          rests kept                                   homes at rest and kept answers in common
          gate leases treasury scripts lua/            limits and money in common
receipts  sink_*                                       a file or a place that takes lines
"""
