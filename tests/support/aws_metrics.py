"""The metrics that AWS publishes of the services in `template.yaml`, with the dimensions each is published under.

Names as in the services' own guides: Lambda Developer Guide, "Types of metrics for Lambda functions"; Step Functions
Developer Guide, "Step Functions metrics for CloudWatch"; SQS Developer Guide, "Available CloudWatch metrics for Amazon
SQS"; API Gateway Developer Guide, "Working with metrics for HTTP APIs" (REST APIs have other names); DynamoDB Developer
Guide, "DynamoDB metrics and dimensions"; EventBridge User Guide, "Monitoring Amazon EventBridge". Metrics of features
that the template does not use are left out.
"""

from collections.abc import Mapping

_FUNCTION = [{"FunctionName"}, {"FunctionName", "Resource"}, {"FunctionName", "Resource", "ExecutedVersion"}, set()]
_MACHINE = [{"StateMachineArn"}]
_QUEUE = [{"QueueName"}]
_RULE = [{"RuleName"}]
_API = [{"ApiId"}, {"ApiId", "Stage"}]
_TABLE = [{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}]
_OPERATION = [{"TableName", "Operation"}]

AWS_METRICS: Mapping[str, Mapping[str, list[set[str]]]] = {
    "AWS/Lambda": dict.fromkeys(
        (
            "Invocations",
            "Errors",
            "Throttles",
            "Duration",
            "ConcurrentExecutions",
            "AsyncEventsReceived",
            "AsyncEventAge",
            "AsyncEventsDropped",
            "DestinationDeliveryFailures",
        ),
        _FUNCTION,
    ),
    "AWS/States": dict.fromkeys(
        (
            "ExecutionTime",
            "ExecutionThrottled",
            "ExecutionsAborted",
            "ExecutionsFailed",
            "ExecutionsStarted",
            "ExecutionsSucceeded",
            "ExecutionsTimedOut",
        ),
        _MACHINE,
    ),
    "AWS/SQS": dict.fromkeys(
        (
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
            "NumberOfEmptyReceives",
            "NumberOfMessagesDeleted",
            "NumberOfMessagesReceived",
            "NumberOfMessagesSent",
            "SentMessageSize",
        ),
        _QUEUE,
    ),
    "AWS/Events": dict.fromkeys(
        ("FailedInvocations", "Invocations", "MatchedEvents", "ThrottledRules", "TriggeredRules"),
        _RULE,
    ),
    "AWS/ApiGateway": dict.fromkeys(
        ("4xx", "5xx", "Count", "IntegrationLatency", "Latency", "DataProcessed"),
        _API,
    ),
    "AWS/DynamoDB": {
        **dict.fromkeys(
            (
                "ConsumedReadCapacityUnits",
                "ConsumedWriteCapacityUnits",
                "ReadThrottleEvents",
                "WriteThrottleEvents",
            ),
            _TABLE,
        ),
        **dict.fromkeys(("SuccessfulRequestLatency", "SystemErrors", "ThrottledRequests"), _OPERATION),
        "ConditionalCheckFailedRequests": [{"TableName"}],
        "TimeToLiveDeletedItemCount": [{"TableName"}],
    },
}
