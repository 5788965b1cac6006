"""Tests of the kinds of Azure Machine Learning."""
