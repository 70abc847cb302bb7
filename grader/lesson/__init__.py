"""A lesson is data: lesson.toml and forward.py, read into frozen dataclasses."""

from grader.lesson.graph import Graph, Statement
from grader.lesson.here import answers_here, lesson_here
from grader.lesson.load import find_lesson, load_lesson
from grader.lesson.model import Case, Exercise, Input, Lesson, Limits, Step, Training, TrainingPlan

__all__ = [
    "Case",
    "Exercise",
    "Graph",
    "Input",
    "Lesson",
    "Limits",
    "Statement",
    "Step",
    "Training",
    "TrainingPlan",
    "answers_here",
    "find_lesson",
    "lesson_here",
    "load_lesson",
]
