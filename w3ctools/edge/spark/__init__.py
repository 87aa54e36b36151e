"""Apache Spark: the session, a batch of files, a watched folder. Nothing else imports pyspark."""
