"""The soak: load and faults at once, for as long as is asked, and every outcome explained.

`python -m benchmarks.soak` starts the real `gateway serve`, two providers that misbehave as a seed
has drawn it, and clients that do too. Each call is accounted for on three sides, by its client, its
provider and the gateway's log; meanwhile memory, descriptors, tasks and the time until a provider
hears that a client has left are sampled.
"""
