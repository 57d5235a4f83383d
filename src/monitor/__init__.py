"""Monitor: what the system is doing.

Owns the journeys of documents, the health of components, the summary, metrics, dead letters, and the channels
by which people are told.
Publishes DeadLetterReplayed, when an event is replayed.
Consumes every event of documents; what is only counted (searches, who is at work) every process hears.
"""
