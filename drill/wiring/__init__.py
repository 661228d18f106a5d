"""The one place that knows every concrete class and hands it to those who only know ports."""
