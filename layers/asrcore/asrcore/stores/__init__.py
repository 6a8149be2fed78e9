"""Where things are kept: jobs in DynamoDB, recordings and transcripts in S3, credentials in Secrets Manager."""
