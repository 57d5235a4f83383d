"""The event bus on Kafka (aiokafka): one client, topics, subscriptions, dead letters."""
